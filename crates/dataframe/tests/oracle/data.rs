//! Random values and columns, of few values that often meet and some that are hard.

use super::random::Random;
use super::table::{Layout, TableColumn};
use super::types::Type;
use super::value::{Decimal, Value};

/// How the values of a column are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Many values, some of them hard.
    Wide,
    /// Few values, the first of them most of the time.
    Skewed,
    /// One value.
    Constant,
    /// In order.
    Sorted,
    /// Nulls alone.
    Nulls,
}

/// A value that is not null: mostly a small one that others are equal to, sometimes an extreme.
pub(crate) fn random_value(random: &mut Random, data_type: Type) -> Value {
    match data_type {
        Type::Bool => Value::Bool(random.chance(50)),
        Type::Int { signed, .. } => {
            let (low, high) = data_type.range();
            let small = i128::from(random.between(if signed { -3 } else { 0 }, 6));
            match random.below(24) {
                0 => Value::Int(low),
                1 => Value::Int(high),
                2 => Value::Int(high - 1),
                3 => Value::Int(random.between(0, 100).into()),
                _ => Value::Int(small),
            }
        }
        // Quarters: their sums are exact.
        Type::Float32 | Type::Float64 => {
            let quarters = random.between(-12, 12) as f64 / 4.0;
            Value::Float(match random.below(24) {
                0 | 1 => f64::NAN,
                2 => f64::INFINITY,
                3 => f64::NEG_INFINITY,
                4 | 5 => -0.0,
                6 => f64::from(1.0f32 / 3.0),
                7 if data_type == Type::Float64 => *random.pick(&[0.1, 1e300, -1e300, 5e-324]),
                _ => quarters,
            })
        }
        Type::Decimal(precision, scale) => {
            let most = 10i128.pow(precision.into()) - 1;
            let digits = match random.below(30) {
                0 if precision <= 18 => most,
                1 if precision <= 18 => -most,
                _ => i128::from(random.between(-8, 12)) * 5,
            };
            Value::Decimal(Decimal::new(digits, scale.into()))
        }
        Type::Text => {
            const TEXTS: [&str; 16] = [
                "",
                "a",
                "b",
                "ab",
                "B",
                "7",
                "-12",
                "300",
                "NULL",
                "\u{e9}t\u{e9}",
                "\u{65e5}\u{672c}",
                "\u{1f980}",
                "exactly12 by",
                "thirteen byte",
                "a longer text that no view holds inline 1",
                "a longer text that no view holds inline 2",
            ];
            Value::text(TEXTS[random.below(TEXTS.len())])
        }
        Type::Date => Value::Date(match random.below(12) {
            0 => -719_162,
            1 => 2_932_896,
            _ => random.between(-2, 5) as i32,
        }),
        Type::Instant => {
            let days = random.between(-2, 5) * 86_400_000_000;
            Value::Instant(match random.below(3) {
                0 => days + random.between(-3, 3),
                _ => days,
            })
        }
    }
}

/// A column and its values.
pub(crate) fn random_column(
    random: &mut Random,
    name: &str,
    data_type: Type,
    rows: usize,
) -> (TableColumn, Vec<Value>) {
    let styles = [
        Style::Wide,
        Style::Wide,
        Style::Wide,
        Style::Skewed,
        Style::Skewed,
        Style::Sorted,
        Style::Constant,
        Style::Nulls,
    ];
    let style = *random.pick(&styles);
    let mut values = styled(random, data_type, style, rows);
    let null_percent = *random.pick(&[0, 0, 10, 30]);
    for value in &mut values {
        if random.chance(null_percent) {
            *value = Value::Null;
        }
    }
    let layouts = [
        Layout::Utf8View,
        Layout::Utf8,
        Layout::LargeUtf8,
        Layout::Dictionary,
    ];
    let column = TableColumn {
        layout: *random.pick(&layouts),
        nullable: values.iter().any(Value::is_null) || random.chance(50),
        ..TableColumn::new(name, data_type)
    };
    (column, values)
}

/// Values of a style, without nulls unless that is the style.
fn styled(random: &mut Random, data_type: Type, style: Style, rows: usize) -> Vec<Value> {
    let wide = |random: &mut Random| {
        let values = (0..rows).map(|_| random_value(random, data_type));
        values.collect::<Vec<_>>()
    };
    match style {
        Style::Wide => wide(random),
        Style::Sorted => {
            let mut values = wide(random);
            values.sort();
            values
        }
        Style::Skewed => {
            let (most, few) = (
                random_value(random, data_type),
                random_value(random, data_type),
            );
            let values = (0..rows).map(|_| match random.below(10) {
                0 => few.clone(),
                1 => random_value(random, data_type),
                _ => most.clone(),
            });
            values.collect()
        }
        Style::Constant => vec![random_value(random, data_type); rows],
        Style::Nulls => vec![Value::Null; rows],
    }
}
