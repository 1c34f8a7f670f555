//! Comparisons: literals to the right, casts away from columns.

use esker_datatypes::{
    DataType, ScalarValue, Schema, as_decimal_parts, decimal_parts, is_decimal, literal_as,
};
use esker_logical_expr::tree::{Child, Transformed};
use esker_logical_expr::{
    Between, Binary, BinaryOp, Expr, ExprChild, InList, UnaryOp, evaluate_constant,
};

use super::logic::{as_truth, never_null, truth};

/// Lists of more decimals stay as they are.
const MANY: usize = 256;

/// Simplifies a comparison over simplified operands.
pub(super) fn simplify(node: Expr, schema: &Schema) -> Transformed<Expr> {
    match node {
        Expr::Binary(binary) if binary.op.as_compare().is_some() => compare(binary, schema),
        Expr::InList(list) => in_list(list, schema),
        Expr::Between(between) => self::between(between, schema),
        other => Transformed::no(other),
    }
}

fn compare(binary: Binary, schema: &Schema) -> Transformed<Expr> {
    let mut binary = binary;
    let mut changed = false;
    let literals = (
        binary.left.as_literal().is_some(),
        binary.right.as_literal().is_some(),
    );
    if literals == (true, false)
        && let Some(op) = binary.op.as_compare()
    {
        std::mem::swap(&mut binary.left, &mut binary.right);
        binary.op = BinaryOp::from_compare(op.swap());
        changed = true;
    }
    let Binary { op, left, right } = &binary;
    if let Some(value) = right.as_literal() {
        if value.is_null() {
            return Transformed::yes(Expr::Literal(ScalarValue::from(None::<bool>)));
        }
        if let Some(simpler) = with_truth(*op, left, right) {
            return Transformed::yes(simpler);
        }
        if let Some((column, value)) = without_cast(left, std::slice::from_ref(right), schema)
            && let Some(value) = value.into_iter().next()
        {
            return Transformed::yes(Expr::Binary(Binary {
                op: *op,
                left: column,
                right: value,
            }));
        }
    } else if never_null(left, schema) && left.same_as(right) {
        // NaN equals itself (S8).
        match op {
            BinaryOp::Eq | BinaryOp::LtEq | BinaryOp::GtEq => return Transformed::yes(truth(true)),
            BinaryOp::NotEq | BinaryOp::Lt | BinaryOp::Gt => return Transformed::yes(truth(false)),
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::And
            | BinaryOp::Or => {}
        }
    }
    Transformed {
        data: Expr::Binary(binary),
        changed,
    }
}

/// `x = TRUE` is `x`, `x = FALSE` is `NOT x`.
fn with_truth(op: BinaryOp, left: &Expr, right: &Expr) -> Option<Expr> {
    let value = as_truth(right)?;
    match (op, value) {
        (BinaryOp::Eq, true) | (BinaryOp::NotEq, false) => Some(left.clone()),
        (BinaryOp::Eq, false) | (BinaryOp::NotEq, true) => {
            Some(Expr::unary(UnaryOp::Not, left.clone()))
        }
        _ => None,
    }
}

/// One member is a comparison; members are compared in the type of the column.
fn in_list(list: InList, schema: &Schema) -> Transformed<Expr> {
    if let [member] = list.list.as_slice() {
        let op = if list.negated {
            BinaryOp::NotEq
        } else {
            BinaryOp::Eq
        };
        let (left, right) = (list.expr.clone(), member.clone());
        return Transformed::yes(compare(Binary { op, left, right }, schema).data);
    }
    match without_cast(&list.expr, &list.list, schema) {
        Some((expr, members)) => Transformed::yes(Expr::InList(InList {
            expr,
            list: members,
            negated: list.negated,
        })),
        None => Transformed::no(Expr::InList(list)),
    }
}

fn between(between: Between, schema: &Schema) -> Transformed<Expr> {
    let bounds = [between.low.clone(), between.high.clone()];
    let simpler = without_cast(&between.expr, &bounds, schema).and_then(|(expr, bounds)| {
        let [low, high] = bounds.try_into().ok()?;
        Some(Between {
            expr,
            low,
            high,
            negated: between.negated,
        })
    });
    match simpler {
        Some(simpler) => Transformed::yes(Expr::Between(simpler)),
        None => Transformed::no(Expr::Between(between)),
    }
}

/// `CAST(#x AS wider)` beside literals as `#x` beside the same values in the column's own type, if
/// the cast keeps all values and their order, and that type has the values exactly.
fn without_cast(
    expr: &Expr,
    literals: &[ExprChild],
    schema: &Schema,
) -> Option<(ExprChild, Vec<ExprChild>)> {
    let Expr::Cast(cast) = expr else { return None };
    let own = schema.field_of(cast.expr.as_column()?)?.data_type();
    if !widens(own, &cast.to) {
        return None;
    }
    // Each decimal is converted to and fro.
    let decimals = literals.first().and_then(|first| first.as_literal());
    if literals.len() > MANY && decimals.is_some_and(|first| is_decimal(first.data_type())) {
        return None;
    }
    let narrow = |literal: &ExprChild| {
        let value = narrowed(literal.as_literal()?, own)?;
        Some(Child::new(Expr::Literal(value)))
    };
    let literals = literals.iter().map(narrow).collect::<Option<_>>()?;
    Some((cast.expr.clone(), literals))
}

/// Whether each value of a number type is another value of the second, in the same order.
fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    if let Some((precision, scale)) = decimal_parts(to) {
        let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
        return as_decimal_parts(from)
            .is_some_and(|(p, s)| s <= scale && whole(p, s) <= whole(precision, scale));
    }
    match from {
        T::Int8 => matches!(to, T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64),
        T::Int16 => matches!(to, T::Int32 | T::Int64 | T::Float32 | T::Float64),
        T::Int32 => matches!(to, T::Int64 | T::Float64),
        T::UInt8 => matches!(
            to,
            T::UInt16
                | T::UInt32
                | T::UInt64
                | T::Int16
                | T::Int32
                | T::Int64
                | T::Float32
                | T::Float64
        ),
        T::UInt16 => matches!(
            to,
            T::UInt32 | T::UInt64 | T::Int32 | T::Int64 | T::Float32 | T::Float64
        ),
        T::UInt32 => matches!(to, T::UInt64 | T::Int64 | T::Float64),
        T::Float32 => matches!(to, T::Float64),
        _ => false,
    }
}

/// A value in a narrower type, if it is there exactly.
fn narrowed(value: &ScalarValue, to: &DataType) -> Option<ScalarValue> {
    if value.is_null() {
        return Some(ScalarValue::null(to));
    }
    if is_decimal(value.data_type()) {
        let to_own = Expr::Literal(value.clone()).try_cast(to.clone());
        let narrow = evaluate_constant(&to_own).ok()?;
        let back = Expr::Literal(narrow.clone()).try_cast(value.data_type().clone());
        let same = evaluate_constant(&back.eq(Expr::Literal(value.clone()))).ok()?;
        return (same.as_bool() == Some(true)).then_some(narrow);
    }
    let Some(float) = value.as_f64() else {
        return literal_as(value, to);
    };
    if *to == DataType::Float32 {
        let narrow = float as f32;
        let exact = f64::from(narrow) == float || float.is_nan();
        return exact.then(|| ScalarValue::from(narrow));
    }
    // Beyond 2^53 no column that was widened to this float has values.
    let whole = float.fract() == 0.0 && float.abs() < 9e15;
    whole
        .then(|| literal_as(&ScalarValue::from(float as i64), to))
        .flatten()
}
