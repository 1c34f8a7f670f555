//! What is known of the columns of a plan's sources.

use std::collections::HashMap;

use esker_datatypes::{
    ColumnId, ColumnStatistics, DataType, Field, ScalarValue, decimal_parts, value_type,
};
use esker_logical_expr::{Expr, evaluate_constant};
use esker_logical_plan::LogicalPlan;

use super::rows::Estimate;

/// What is known of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnFacts {
    /// Which source of the plan it is of; 0 for a computed one.
    pub(crate) source: usize,
    /// How many rows the source has, or what computes it.
    pub(crate) rows: f64,
    /// How many different values there are, at most.
    pub(crate) distinct: Option<f64>,
    /// Whether there are just so many.
    pub(crate) exact: bool,
    /// The share of rows that are null.
    pub(crate) nulls: f64,
    /// Between which [positions](position) the values lie.
    pub(crate) bounds: Option<(f64, f64)>,
}

impl ColumnFacts {
    /// Those of a computed column of so many rows.
    pub(crate) fn of_rows(rows: f64) -> Self {
        Self {
            source: 0,
            rows,
            distinct: None,
            exact: false,
            nulls: 0.0,
            bounds: None,
        }
    }
}

/// What is known of the columns of all sources of a plan. An identity that is there twice is that of
/// the same column of the same source.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    of: HashMap<ColumnId, ColumnFacts>,
    sources: usize,
}

impl Columns {
    /// Adds what a node says of its columns: a scan whose number of rows is known.
    pub(crate) fn learn(&mut self, node: &LogicalPlan) {
        let LogicalPlan::Scan(scan) = node else {
            return;
        };
        let properties = scan.source().properties();
        let Some(rows) = properties.statistics.rows.estimate() else {
            return;
        };
        self.sources += 1;
        for (at, field) in scan.columns().fields().iter().enumerate() {
            let statistics = properties.statistics.columns.get(at);
            let unique = properties.unique.iter().any(|columns| *columns == [at]);
            let facts = ColumnFacts {
                source: self.sources,
                ..facts_of(field, statistics, rows as f64, unique)
            };
            self.of.insert(field.id(), facts);
        }
    }

    pub(crate) fn get(&self, id: ColumnId) -> Option<&ColumnFacts> {
        self.of.get(&id)
    }

    /// What is known of a key of a plan: of its values, and which share of these is left.
    pub(crate) fn of_key(&self, key: &Expr, of: &Estimate) -> Option<(ColumnFacts, f64)> {
        Some(match self.of_expr(key) {
            Some((id, facts)) => (*facts, of.share(id)),
            None => (ColumnFacts::of_rows(of.rows?), 1.0),
        })
    }

    /// The column that an expression is, or that it converts, and what is known of it.
    pub(crate) fn of_expr(&self, expr: &Expr) -> Option<(ColumnId, &ColumnFacts)> {
        let id = column_of(expr)?;
        Some((id, self.get(id)?))
    }
}

/// The column that an expression is, or that it converts.
pub(crate) fn column_of(expr: &Expr) -> Option<ColumnId> {
    let mut expr = expr.unaliased();
    while let Expr::Cast(cast) = expr {
        expr = cast.expr.unaliased();
    }
    expr.as_column()
}

fn facts_of(
    field: &Field,
    statistics: Option<&ColumnStatistics>,
    rows: f64,
    unique: bool,
) -> ColumnFacts {
    let known = statistics.cloned().unwrap_or_default();
    let nulls = match known.null_count.estimate() {
        Some(nulls) if rows > 0.0 => (nulls as f64 / rows).min(1.0),
        Some(_) | None => 0.0,
    };
    let bounds = match (&known.min, &known.max) {
        (Some(min), Some(max)) => position(min).zip(position(max)),
        (Some(_) | None, Some(_) | None) => None,
    };
    let bounds = bounds.filter(|(min, max)| min <= max);
    let counted = known.distinct_count.estimate().map(|count| count as f64);
    let counted = counted.or(unique.then_some(rows));
    let step = step(field.data_type());
    let span = bounds
        .zip(step)
        .map(|((min, max), step)| (max - min) / step + 1.0);
    let span = match value_type(field.data_type()) {
        DataType::Boolean => Some(2.0),
        _ => span,
    };
    ColumnFacts {
        distinct: counted
            .or(span.map(|span| span.min(rows)))
            .map(|d| d.max(1.0)),
        exact: counted.is_some(),
        nulls,
        bounds,
        ..ColumnFacts::of_rows(rows)
    }
}

/// Where a value lies among those of its type: a number, the second of a time, the first bytes of a
/// text. Values of types that are compared with each other lie on one line.
pub(crate) fn position(value: &ScalarValue) -> Option<f64> {
    if value.is_null() {
        return None;
    }
    if let Some(text) = value.as_str() {
        // As many bytes as a float holds exactly.
        let bytes = text.bytes().chain(std::iter::repeat(0)).take(6);
        return Some(bytes.fold(0.0, |number, byte| number * 256.0 + f64::from(byte)));
    }
    let data_type = value.data_type();
    let number = match seconds(data_type) {
        Some(unit) => ticks(value)? as f64 * unit,
        None => {
            let integer = value.as_i128().map(|integer| integer as f64);
            integer.or(value.as_f64()).or_else(|| decimal(value))?
        }
    };
    number.is_finite().then_some(number)
}

/// The number that a date or timestamp is.
fn ticks(value: &ScalarValue) -> Option<i64> {
    if let Some(days) = value.as_date() {
        return Some(days.into());
    }
    let ticks = as_type(value, DataType::Int64)?.as_i128()?;
    ticks.try_into().ok()
}

/// The number that a decimal is.
fn decimal(value: &ScalarValue) -> Option<f64> {
    let (_, scale) = decimal_parts(value.data_type())?;
    match value.as_decimal_digits() {
        Some(digits) => Some(digits as f64 / 10f64.powi(scale.into())),
        None => as_type(value, DataType::Float64)?.as_f64(),
    }
}

fn as_type(value: &ScalarValue, to: DataType) -> Option<ScalarValue> {
    let literal = Expr::Literal(value.clone());
    evaluate_constant(&literal.cast(to)).ok()
}

/// How many seconds the unit of a date or timestamp is.
fn seconds(data_type: &DataType) -> Option<f64> {
    use esker_datatypes::TimeUnit;
    match data_type {
        DataType::Date32 => Some(86_400.0),
        DataType::Date64 => Some(1e-3),
        DataType::Timestamp(unit, _) => Some(match unit {
            TimeUnit::Second => 1.0,
            TimeUnit::Millisecond => 1e-3,
            TimeUnit::Microsecond => 1e-6,
            TimeUnit::Nanosecond => 1e-9,
        }),
        _ => None,
    }
}

/// How far apart two neighbours of a type are at least.
fn step(data_type: &DataType) -> Option<f64> {
    let data_type = value_type(data_type);
    if data_type.is_integer() {
        return Some(1.0);
    }
    if let Some((_, scale)) = decimal_parts(data_type) {
        return Some(10f64.powi(-i32::from(scale)));
    }
    seconds(data_type)
}

/// Of how many values two keys can be that are to be equal, each a column with the share of its
/// values that is left.
///
/// Where both counts are known it is the larger one: the values of one side are taken to be among
/// those of the other. A bound may be far above the count, as that of a key that refers to a smaller
/// table, whose own count the smaller bound then is. Without any, the smaller table has the keys.
pub(crate) fn domain(left: (ColumnFacts, f64), right: (ColumnFacts, f64)) -> f64 {
    let ((left, left_share), (right, right_share)) = (left, right);
    let values = match (left.distinct, right.distinct) {
        (Some(l), Some(r)) if left.exact && right.exact => l.max(r),
        (Some(l), Some(r)) => l.min(r),
        (Some(known), None) | (None, Some(known)) => known,
        (None, None) => left.rows.min(right.rows),
    };
    (values * left_share.max(right_share)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_every_width_have_a_place() {
        let value = ScalarValue::decimal(-1234, 9, 2).unwrap();
        let widths = [
            DataType::Decimal32(9, 2),
            DataType::Decimal64(15, 2),
            DataType::Decimal128(20, 2),
            DataType::Decimal256(50, 2),
        ];
        for width in widths {
            let value = as_type(&value, width.clone()).unwrap();
            assert_eq!(*value.data_type(), width);
            let place = position(&value).unwrap();
            assert!((place + 12.34).abs() < 1e-9, "{place} of {width}");
        }
    }

    #[test]
    fn days_lie_on_the_line_of_seconds() {
        assert_eq!(position(&ScalarValue::date(2)), Some(172_800.0));
        let moment = as_type(&ScalarValue::date(2), DataType::Date64).unwrap();
        assert_eq!(position(&moment), Some(172_800.0));
        assert_eq!(position(&ScalarValue::from(-7i64)), Some(-7.0));
        assert_eq!(position(&ScalarValue::from(f64::NAN)), None);
    }
}
