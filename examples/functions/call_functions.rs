//! Calls built-in functions: as methods, on constants, and by name.
#![expect(clippy::disallowed_macros, reason = "examples print")]

use esker_datatypes::{Result, ScalarValue, Schema};
use esker_functions::{ConditionalExpr, MathExpr, StringExpr, TemporalExpr, registry};
use esker_logical_expr::{Expr, coerce, col, evaluate_constant, expr_type, lit};

fn main() -> Result<()> {
    // A function knows its types: nothing runs until it is asked to.
    let call = col("amount").abs().fill_null(0);
    println!("a call:        {call}");

    // Constants are folded by the kernels that will run.
    let none = Schema::default();
    for call in [
        lit(-7).floor_div(2),
        lit(-7).floor_mod(3),
        lit(-7) % 3,
        lit(-7).abs(),
        lit("PROMO PLATED TIN").str().like("PROMO%"),
        lit(ScalarValue::date(10561)).dt().add_months(-22),
    ] {
        let typed = expr_type(&call, &none)?;
        let value = evaluate_constant(&coerce(call.clone(), &none)?.data)?;
        println!("{call:<22} = {value} ({})", typed.data_type);
    }

    // SQL and other languages find functions by name.
    let registry = registry();
    println!(
        "by name:       {}",
        registry.names().collect::<Vec<_>>().join(", ")
    );
    let abs = Expr::function(registry.scalar("abs")?, [lit(-1.5)]);
    println!("{abs} = {}", evaluate_constant(&abs)?);
    if let Err(error) = registry.scalar("abz") {
        println!("a mistake:     {error}");
    }
    Ok(())
}
