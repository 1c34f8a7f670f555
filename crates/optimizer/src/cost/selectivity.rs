//! Which share of rows passes a predicate.

use esker_datatypes::ColumnId;
use esker_logical_expr::tree;
use esker_logical_expr::{Between, Binary, BinaryOp, Expr, InList, UnaryOp};

use super::columns::{Columns, column_of, position};

/// The guessed share of rows for which an equality is TRUE, and for which anything else is, where
/// nothing is known of the column: those of Selinger et al., "Access path selection in a relational
/// database management system" (1979).
const EQUAL: f64 = 0.1;
const OTHER: f64 = 1.0 / 3.0;

/// What is left of rows.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// The share of rows.
    pub(crate) share: f64,
    /// The share of the values of single columns.
    pub(crate) columns: Vec<(ColumnId, f64)>,
}

/// The share of rows for which all terms are TRUE. Bounds of one column are taken together.
pub(crate) fn selectivity(terms: &[&Expr], columns: &Columns) -> Selected {
    let mut ranges: Vec<Range> = Vec::new();
    let mut selected = Selected {
        share: 1.0,
        columns: Vec::new(),
    };
    for term in terms {
        let Some(range) = Range::of(term) else {
            let share = share_of(term, columns);
            selected.share *= share;
            if let Some(id) = points(term) {
                selected.columns.push((id, share));
            }
            continue;
        };
        match ranges.iter_mut().find(|other| other.id == range.id) {
            Some(other) => other.narrow(range),
            None => ranges.push(range),
        }
    }
    for range in ranges {
        let share = range.share(columns);
        selected.share *= share;
        selected.columns.push((range.id, share));
    }
    selected
}

/// The column of an equality with a literal, or of a list of them.
fn points(term: &Expr) -> Option<ColumnId> {
    match term.unaliased() {
        Expr::Binary(binary) if binary.op == BinaryOp::Eq => {
            binary.right.as_literal()?;
            column_of(&binary.left)
        }
        Expr::InList(list) if !list.negated => column_of(&list.expr),
        Expr::Binary(_)
        | Expr::InList(_)
        | Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Alias(_)
        | Expr::Unary(_)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::Between(_)
        | Expr::Function(_)
        | Expr::Aggregate(_) => None,
    }
}

/// A column between two values.
#[derive(Clone, Copy)]
struct Range {
    id: ColumnId,
    /// Whether there is a bound, and where it lies if that is known.
    lower: Option<Option<f64>>,
    upper: Option<Option<f64>>,
}

impl Range {
    fn of(term: &Expr) -> Option<Self> {
        let at = |bound: &Expr| Some(position(bound.as_literal()?));
        match term.unaliased() {
            Expr::Binary(Binary { op, left, right }) => {
                let (id, bound) = (column_of(left)?, at(right)?);
                let (lower, upper) = match op {
                    BinaryOp::Lt | BinaryOp::LtEq => (None, Some(bound)),
                    BinaryOp::Gt | BinaryOp::GtEq => (Some(bound), None),
                    BinaryOp::Eq
                    | BinaryOp::NotEq
                    | BinaryOp::And
                    | BinaryOp::Or
                    | BinaryOp::Add
                    | BinaryOp::Sub
                    | BinaryOp::Mul
                    | BinaryOp::Div
                    | BinaryOp::Rem => return None,
                };
                Some(Self { id, lower, upper })
            }
            Expr::Between(Between {
                expr,
                low,
                high,
                negated: false,
            }) => Some(Self {
                id: column_of(expr)?,
                lower: Some(at(low)?),
                upper: Some(at(high)?),
            }),
            Expr::Between(_)
            | Expr::Column(_)
            | Expr::Literal(_)
            | Expr::Alias(_)
            | Expr::Unary(_)
            | Expr::Cast(_)
            | Expr::Case(_)
            | Expr::InList(_)
            | Expr::Function(_)
            | Expr::Aggregate(_) => None,
        }
    }

    fn narrow(&mut self, other: Self) {
        let tighter = |a: Option<Option<f64>>,
                       b: Option<Option<f64>>,
                       pick: fn(f64, f64) -> f64| {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.zip(b).map(|(a, b)| pick(a, b)).or(a).or(b)),
                (a, b) => a.or(b),
            }
        };
        self.lower = tighter(self.lower, other.lower, f64::max);
        self.upper = tighter(self.upper, other.upper, f64::min);
    }

    /// The share of rows between the bounds, if values are spread evenly.
    fn share(&self, columns: &Columns) -> f64 {
        let guess = match (self.lower, self.upper) {
            (Some(_), Some(_)) => EQUAL,
            (Some(_) | None, Some(_) | None) => OTHER,
        };
        let Some(facts) = columns.get(self.id) else {
            return guess;
        };
        let not_null = 1.0 - facts.nulls;
        let known = |bound: Option<Option<f64>>| bound != Some(None);
        let Some((min, max)) = facts
            .bounds
            .filter(|_| known(self.lower) && known(self.upper))
        else {
            return guess * not_null;
        };
        let lower = self.lower.flatten().unwrap_or(min).max(min);
        let upper = self.upper.flatten().unwrap_or(max).min(max);
        let least = 1.0 / facts.rows.max(1.0);
        let share = match (upper - lower, max - min) {
            (width, _) if width < 0.0 => 0.0,
            (_, all) if all <= 0.0 => 1.0,
            (width, all) => width / all,
        };
        share.clamp(least, 1.0) * not_null
    }
}

/// The share of rows for which a predicate is TRUE.
fn share_of(predicate: &Expr, columns: &Columns) -> f64 {
    let equal = |expr: &Expr| match columns.of_expr(expr) {
        Some((_, facts)) => match facts.distinct {
            Some(distinct) => (1.0 - facts.nulls) / distinct,
            None => EQUAL.max(1.0 / facts.rows.max(1.0)),
        },
        None => EQUAL,
    };
    // That of the operand with more values.
    let either = |left: &Expr, right: &Expr| match right.as_literal() {
        Some(_) => equal(left),
        None => equal(left).min(equal(right)),
    };
    let nulls = |expr: &Expr| match columns.of_expr(expr) {
        Some((_, facts)) => facts.nulls,
        None => EQUAL,
    };
    let share = tree::fold(predicate, |node, children: &[f64]| {
        if let Some(range) = Range::of(node) {
            return Ok(range.share(columns));
        }
        Ok(match (node, children) {
            (Expr::Literal(value), _) => match value.as_bool() {
                Some(true) => 1.0,
                Some(false) => 0.0,
                None => OTHER,
            },
            (Expr::Alias(_), [child]) => *child,
            (Expr::Binary(Binary { op, left, right }), [l, r]) => match op {
                BinaryOp::And => l * r,
                BinaryOp::Or => l + r - l * r,
                BinaryOp::Eq => either(left, right),
                BinaryOp::NotEq => 1.0 - either(left, right),
                BinaryOp::Lt
                | BinaryOp::LtEq
                | BinaryOp::Gt
                | BinaryOp::GtEq
                | BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Rem => OTHER,
            },
            (Expr::Unary(unary), [child]) => match unary.op {
                UnaryOp::Not | UnaryOp::IsFalse => 1.0 - child,
                UnaryOp::IsTrue => *child,
                UnaryOp::IsNull => nulls(&unary.expr),
                UnaryOp::IsNan => EQUAL,
                UnaryOp::IsNotNull => 1.0 - nulls(&unary.expr),
                UnaryOp::Negate => OTHER,
            },
            (
                Expr::InList(InList {
                    expr,
                    list,
                    negated,
                }),
                _,
            ) => {
                let most = match columns.of_expr(expr).and_then(|(_, facts)| facts.distinct) {
                    Some(_) => 1.0,
                    None => 0.5,
                };
                let found = (equal(expr) * list.len() as f64).min(most);
                if *negated { 1.0 - found } else { found }
            }
            (Expr::Between(between), _) if between.negated => 1.0 - EQUAL,
            (Expr::Between(_), _) => EQUAL,
            (
                Expr::Column(_)
                | Expr::Alias(_)
                | Expr::Binary(_)
                | Expr::Unary(_)
                | Expr::Cast(_)
                | Expr::Case(_)
                | Expr::Function(_)
                | Expr::Aggregate(_),
                _,
            ) => OTHER,
        })
    });
    share.unwrap_or(OTHER)
}

#[cfg(test)]
mod tests;
