//! What the properties share: types, tables of many shapes, and the check.

use std::rc::Rc;

use crate::oracle::{
    Expr, Layout, Plan, Random, Setting, Table, TableColumn, Type, Value, evaluate, judge,
    random_value, run,
};

/// A type of each kind.
pub(crate) const TYPES: [Type; 13] = [
    Type::INT64,
    Type::int(32),
    Type::int(8),
    Type::uint(16),
    Type::UINT64,
    Type::Float64,
    Type::Float32,
    Type::Decimal(5, 2),
    Type::Decimal(20, 3),
    Type::Text,
    Type::Bool,
    Type::Date,
    Type::Instant,
];

/// The shape of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Empty,
    OneRow,
    /// Many values, some null, in one batch.
    Wide,
    /// The same in batches of two rows.
    ManyBatches,
    /// Mostly the same value.
    Skewed,
    AllNull,
}

impl Shape {
    pub(crate) const ALL: [Self; 6] = [
        Self::Empty,
        Self::OneRow,
        Self::Wide,
        Self::ManyBatches,
        Self::Skewed,
        Self::AllNull,
    ];
}

/// A table of columns of these names and types, in that shape; the last column, `id`, counts rows.
pub(crate) fn table(seed: u64, columns: &[(&str, Type)], shape: Shape) -> Table {
    let mut random = Random::new(seed, 0);
    let (rows, batch_rows) = match shape {
        Shape::Empty => (0, 1),
        Shape::OneRow => (1, 1),
        Shape::Wide => (26, 26),
        Shape::ManyBatches => (26, 2),
        Shape::Skewed => (26, 9),
        Shape::AllNull => (12, 5),
    };
    let layouts = [
        Layout::Utf8View,
        Layout::Utf8,
        Layout::LargeUtf8,
        Layout::Dictionary,
    ];
    let mut made = Vec::new();
    for (name, data_type) in columns {
        let most = random_value(&mut random, *data_type);
        let value = |random: &mut Random| match shape {
            Shape::AllNull => Value::Null,
            Shape::OneRow => random_value(random, *data_type),
            Shape::Skewed if random.chance(75) => most.clone(),
            _ if random.chance(15) => Value::Null,
            _ => random_value(random, *data_type),
        };
        let values = (0..rows).map(|_| value(&mut random)).collect();
        let column = TableColumn {
            layout: *random.pick(&layouts),
            ..TableColumn::new(name, *data_type)
        };
        made.push((column, values));
    }
    let ids = (0..rows).map(Value::Int).collect();
    made.push((TableColumn::new("id", Type::INT64), ids));
    Table::of_columns("t", made, batch_rows)
}

/// A table as a plan.
pub(crate) fn scan(at: usize) -> Rc<Plan> {
    Rc::new(Plan::Scan(at))
}

/// Expressions under these names.
pub(crate) fn named<const N: usize>(exprs: [(&str, Expr); N]) -> Vec<(String, Expr)> {
    let named = exprs.into_iter();
    named.map(|(name, expr)| (name.to_owned(), expr)).collect()
}

/// That the engine gives a plan's rows in every setting.
pub(crate) fn check(plan: &Plan, tables: &[Table]) {
    let wanted = evaluate(plan, tables);
    for setting in Setting::all() {
        let got = run(plan, tables, setting);
        if let Err(why) = judge(plan, setting, &wanted, &got) {
            panic!("{why}\nwith {setting}\n{plan:#?}\nover {tables:#?}");
        }
    }
}
