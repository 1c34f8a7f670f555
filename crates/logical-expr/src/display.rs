//! The exact text of expressions: parentheses where precedence needs them, and nowhere else.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use esker_kernels::cast::CastMode;

use crate::expr::{
    AggregateCall, Alias, Between, Binary, Case, Cast, ColumnRef, Expr, ExprChild, FunctionCall,
    InList, Unary,
};
use crate::operator::{BinaryOp, UnaryOp};

/// How tightly the parts of the grammar bind; those of [`BinaryOp::precedence`] lie between.
const ALIAS: u8 = 0;
const LOGIC: u8 = 1;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const NEGATE: u8 = 7;
const PRIMARY: u8 = 8;

impl fmt::Display for Expr {
    /// The plan text: `#salary * 0.1 as bonus`. Two trees of different meaning over the same
    /// columns never print alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_expr(self, &column_text, f)
    }
}

impl Expr {
    /// The plan text with another text behind the `#` of each column: its position, say.
    pub fn display_with(&self, column: impl Fn(&ColumnRef) -> String) -> impl fmt::Display {
        fmt::from_fn(move |f| write_expr(self, &|c| format!("#{}", column(c)), f))
    }
}

fn write_expr(
    expr: &Expr,
    column: &dyn Fn(&ColumnRef) -> String,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    // What is still to be written, the next part last.
    let mut parts = vec![Part::Expr(expr, ALIAS)];
    while let Some(part) = parts.pop() {
        match part {
            Part::Text(text) => f.write_str(&text)?,
            Part::Expr(Expr::Column(reference), _) => f.write_str(&column(reference))?,
            Part::Expr(expr, least) => {
                let at = parts.len();
                let mut out = Parts(&mut parts);
                if binding(expr) < least {
                    out.text("(");
                    out.expr(expr, ALIAS);
                    out.text(")");
                } else {
                    out.node(expr);
                }
                if let Some(new) = parts.get_mut(at..) {
                    new.reverse();
                }
            }
        }
    }
    Ok(())
}

/// Text, or an expression that needs parentheses if it binds less tightly than this.
enum Part<'a> {
    Text(Cow<'a, str>),
    Expr(&'a Expr, u8),
}

struct Parts<'s, 'a>(&'s mut Vec<Part<'a>>);

impl<'a> Parts<'_, 'a> {
    fn text(&mut self, text: impl Into<Cow<'a, str>>) {
        self.0.push(Part::Text(text.into()));
    }

    fn expr(&mut self, expr: &'a Expr, least: u8) {
        self.0.push(Part::Expr(expr, least));
    }

    /// `#a, #b`.
    fn list(&mut self, list: &'a [ExprChild]) {
        for (i, expr) in list.iter().enumerate() {
            if i > 0 {
                self.text(", ");
            }
            self.expr(expr, LOGIC);
        }
    }

    /// `name(#a, #b, option=1)`.
    fn call(&mut self, name: String, args: &'a [ExprChild], options: Option<String>) {
        self.text(name);
        self.text("(");
        self.list(args);
        if let Some(options) = options {
            if !args.is_empty() {
                self.text(", ");
            }
            self.text(options);
        }
        self.text(")");
    }

    fn node(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Column(column) => self.text(column_text(column)),
            Expr::Literal(value) => self.text(value.to_string()),
            Expr::Alias(Alias { expr, name }) => {
                self.expr(expr, LOGIC);
                self.text(" as ");
                self.text(identifier(name));
            }
            Expr::Binary(Binary { op, left, right }) => {
                let own = op.precedence();
                // Comparisons do not chain; the others lean to the left.
                let left_least = if own == COMPARISON { own + 1 } else { own };
                self.expr(left, left_least);
                self.text(format!(" {op} "));
                self.expr(right, own + 1);
            }
            Expr::Unary(Unary { op, expr }) => self.unary(*op, expr),
            Expr::Cast(Cast { expr, to, mode }) => {
                self.text(match mode {
                    CastMode::Strict => "CAST(",
                    CastMode::Try => "TRY_CAST(",
                });
                self.expr(expr, LOGIC);
                self.text(format!(" AS {to})"));
            }
            Expr::Case(Case {
                branches,
                otherwise,
            }) => {
                self.text("CASE");
                for (condition, value) in branches {
                    self.text(" WHEN ");
                    self.expr(condition, LOGIC);
                    self.text(" THEN ");
                    self.expr(value, LOGIC);
                }
                if let Some(value) = otherwise {
                    self.text(" ELSE ");
                    self.expr(value, LOGIC);
                }
                self.text(" END");
            }
            Expr::InList(InList {
                expr,
                list,
                negated,
            }) => {
                self.expr(expr, SUM);
                self.text(if *negated { " NOT IN (" } else { " IN (" });
                self.list(list);
                self.text(")");
            }
            Expr::Between(Between {
                expr,
                low,
                high,
                negated,
            }) => {
                self.expr(expr, SUM);
                self.text(if *negated {
                    " NOT BETWEEN "
                } else {
                    " BETWEEN "
                });
                self.expr(low, SUM);
                self.text(" AND ");
                self.expr(high, SUM);
            }
            Expr::Function(FunctionCall { function, args }) => {
                self.call(
                    function.name().to_lowercase(),
                    args,
                    function.options_text(),
                );
            }
            Expr::Aggregate(AggregateCall { function, args }) => {
                self.call(
                    function.name().to_uppercase(),
                    args,
                    function.options_text(),
                );
            }
        }
    }

    fn unary(&mut self, op: UnaryOp, expr: &'a Expr) {
        match op {
            UnaryOp::Not => {
                self.text("NOT ");
                self.expr(expr, NOT);
            }
            // `-5` is a literal, and `--#a` reads badly.
            UnaryOp::Negate if expr.as_literal().is_some() => {
                self.text("-(");
                self.expr(expr, ALIAS);
                self.text(")");
            }
            UnaryOp::Negate => {
                self.text("-");
                self.expr(expr, PRIMARY);
            }
            UnaryOp::IsNull
            | UnaryOp::IsNotNull
            | UnaryOp::IsTrue
            | UnaryOp::IsFalse
            | UnaryOp::IsNan => {
                self.expr(expr, SUM);
                self.text(format!(" {op}"));
            }
        }
    }
}

/// How tightly the outermost part of an expression's text binds.
fn binding(expr: &Expr) -> u8 {
    match expr {
        Expr::Alias(_) => ALIAS,
        Expr::Binary(binary) => BinaryOp::precedence(binary.op),
        Expr::Unary(unary) => match unary.op {
            UnaryOp::Not => NOT,
            UnaryOp::Negate => NEGATE,
            UnaryOp::IsNull
            | UnaryOp::IsNotNull
            | UnaryOp::IsTrue
            | UnaryOp::IsFalse
            | UnaryOp::IsNan => COMPARISON,
        },
        Expr::InList(_) | Expr::Between(_) => COMPARISON,
        Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::Function(_)
        | Expr::Aggregate(_) => PRIMARY,
    }
}

/// `#name`, `#frame.name`, `#"a name"`.
fn column_text(column: &ColumnRef) -> String {
    let name = identifier(&column.name);
    match &column.qualifier {
        Some(qualifier) => format!("#{}.{name}", identifier(qualifier)),
        None => format!("#{name}"),
    }
}

/// A name: bare when it is a plain identifier, else in double quotes, which are doubled within.
fn identifier(name: &str) -> Cow<'_, str> {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_');
    if plain {
        return Cow::Borrowed(name);
    }
    let mut quoted = String::with_capacity(name.len() + 2);
    // Writing to a string does not fail.
    let _ = write!(quoted, "\"{}\"", name.replace('"', "\"\""));
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests;
