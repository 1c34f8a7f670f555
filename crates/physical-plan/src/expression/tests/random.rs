//! Random expressions over random batches in random encodings, under random selections.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringViewArray, UInt32Array,
};
use esker_datatypes::{
    Batch, Buffers, Column, DataType, ErrorKind, Field, ScalarValue, Schema, Selection,
};
use esker_logical_expr::test_util::{double, fail_on};
use esker_logical_expr::{BinaryOp, Expr, UnaryOp, col, when};
use proptest::prelude::*;

use super::super::{Program, ProgramState};
use super::oracle::{self, Value};
use super::ready;

/// A generator that is cheap and repeats itself for a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("b", DataType::Int64, true),
        Field::new("p", DataType::Boolean, true),
        Field::new("q", DataType::Boolean, true),
        Field::new("f", DataType::Float64, true),
        Field::new("s", DataType::Utf8View, true),
    ])
}

/// A value of a type; `wild` ones make arithmetic and casts fail.
fn any_value(random: &mut Random, data_type: &DataType, wild: bool) -> Value {
    if random.one_in(5) {
        return Value::Null;
    }
    match data_type {
        DataType::Boolean => Value::Bool(random.one_in(2)),
        DataType::Int64 if wild && random.one_in(4) => {
            Value::Int(random.pick(&[i64::MAX, i64::MIN, i64::MAX / 2]))
        }
        DataType::Int64 => Value::Int(random.below(7) as i64 - 2),
        DataType::Float64 if wild && random.one_in(4) => {
            Value::Float(random.pick(&[f64::INFINITY, 1e300, f64::NAN]))
        }
        DataType::Float64 => Value::Float(random.pick(&[0.0, -0.0, 1.5, -2.0, f64::NAN, 3.0])),
        _ if wild && random.one_in(4) => Value::Text(random.pick(&["x", "", "1e3"]).to_owned()),
        _ => Value::Text(random.pick(&["1", "-2", "30", "1"]).to_owned()),
    }
}

fn array(values: &[Value], data_type: &DataType) -> ArrayRef {
    macro_rules! collect {
        ($array:ty, $variant:ident) => {
            Arc::new(
                values
                    .iter()
                    .map(|value| match value {
                        Value::$variant(value) => Some(value.clone()),
                        _ => None,
                    })
                    .collect::<$array>(),
            )
        };
    }
    match data_type {
        DataType::Boolean => collect!(BooleanArray, Bool),
        DataType::Int64 => collect!(Int64Array, Int),
        DataType::Float64 => collect!(Float64Array, Float),
        _ => collect!(StringViewArray, Text),
    }
}

/// A column in some encoding and its values.
fn any_column(random: &mut Random, data_type: &DataType, rows: usize) -> (Column, Vec<Value>) {
    let wild = random.one_in(3);
    match random.below(4) {
        0 => {
            let value = any_value(random, data_type, wild);
            let scalar =
                ScalarValue::from_array(&array(std::slice::from_ref(&value), data_type), 0);
            (Column::constant(scalar.unwrap(), rows), vec![value; rows])
        }
        1 => {
            let entries: Vec<Value> = (0..3).map(|_| any_value(random, data_type, wild)).collect();
            let codes: Vec<Option<u32>> = (0..rows)
                .map(|_| (!random.one_in(6)).then(|| random.below(3) as u32))
                .collect();
            let values = codes.iter().map(|code| match code {
                Some(code) => entries[*code as usize].clone(),
                None => Value::Null,
            });
            let values = values.collect();
            (
                Column::dictionary(UInt32Array::from(codes), array(&entries, data_type)),
                values,
            )
        }
        _ => {
            let values: Vec<Value> = (0..rows)
                .map(|_| any_value(random, data_type, wild))
                .collect();
            (Column::flat(array(&values, data_type)), values)
        }
    }
}

fn literal(value: &Value, data_type: &DataType) -> Expr {
    let array = array(std::slice::from_ref(value), data_type);
    Expr::Literal(ScalarValue::from_array(&array, 0).unwrap())
}

fn any_literal(random: &mut Random, data_type: &DataType) -> Expr {
    let value = any_value(random, data_type, false);
    literal(&value, data_type)
}

const COMPARE: [BinaryOp; 6] = [
    BinaryOp::Eq,
    BinaryOp::NotEq,
    BinaryOp::Lt,
    BinaryOp::LtEq,
    BinaryOp::Gt,
    BinaryOp::GtEq,
];

fn integer(random: &mut Random, depth: usize) -> Expr {
    let leaf = depth == 0;
    match random.below(if leaf { 3 } else { 11 }) {
        0 => col("a"),
        1 => col("b"),
        2 => any_literal(random, &DataType::Int64),
        3 | 4 => {
            let op = random.pick(&[BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Rem]);
            Expr::binary(integer(random, depth - 1), op, integer(random, depth - 1))
        }
        5 => Expr::unary(UnaryOp::Negate, integer(random, depth - 1)),
        6 => case(random, depth, integer),
        7 => text(random, depth - 1).cast(DataType::Int64),
        8 => text(random, depth - 1).try_cast(DataType::Int64),
        9 => fail_on(integer(random, depth - 1), 3),
        _ => float(random, depth - 1).cast(DataType::Int64),
    }
}

fn float(random: &mut Random, depth: usize) -> Expr {
    let leaf = depth == 0;
    match random.below(if leaf { 2 } else { 6 }) {
        0 => col("f"),
        1 => any_literal(random, &DataType::Float64),
        2 => {
            let op = random.pick(&[BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div]);
            Expr::binary(float(random, depth - 1), op, float(random, depth - 1))
        }
        3 => integer(random, depth - 1).cast(DataType::Float64),
        4 => double(float(random, depth - 1)),
        _ => case(random, depth, float),
    }
}

fn text(random: &mut Random, depth: usize) -> Expr {
    let leaf = depth == 0;
    match random.below(if leaf { 3 } else { 5 }) {
        0 | 1 => col("s"),
        2 => any_literal(random, &DataType::Utf8View),
        3 => integer(random, depth - 1).cast(DataType::Utf8View),
        _ => case(random, depth, text),
    }
}

fn case(random: &mut Random, depth: usize, value: fn(&mut Random, usize) -> Expr) -> Expr {
    let mut built = when(truth(random, depth - 1)).then(value(random, depth - 1));
    for _ in 0..random.below(3) {
        built = built
            .when(truth(random, depth - 1))
            .then(value(random, depth - 1));
    }
    if random.one_in(3) {
        built.end()
    } else {
        built.otherwise(value(random, depth - 1))
    }
}

fn truth(random: &mut Random, depth: usize) -> Expr {
    let leaf = depth == 0;
    let (typed, data_type): (fn(&mut Random, usize) -> Expr, _) = random.pick(&[
        (integer as fn(&mut Random, usize) -> Expr, DataType::Int64),
        (float, DataType::Float64),
        (text, DataType::Utf8View),
    ]);
    match random.below(if leaf { 4 } else { 16 }) {
        0 => col("p"),
        1 => col("q"),
        2 => any_literal(random, &DataType::Boolean),
        3 => {
            let op = random.pick(&COMPARE);
            Expr::binary(typed(random, 0), op, any_literal(random, &data_type))
        }
        4 | 5 => {
            let op = random.pick(&COMPARE);
            Expr::binary(typed(random, depth - 1), op, typed(random, depth - 1))
        }
        6..=10 => {
            let op = if random.one_in(2) {
                BinaryOp::And
            } else {
                BinaryOp::Or
            };
            let left = truth(random, depth - 1);
            Expr::binary(left, op, truth(random, depth - 1)).alias("t")
        }
        11 => {
            let op = random.pick(&[
                UnaryOp::Not,
                UnaryOp::IsTrue,
                UnaryOp::IsFalse,
                UnaryOp::IsNull,
                UnaryOp::IsNotNull,
            ]);
            Expr::unary(op, truth(random, depth - 1))
        }
        12 => {
            let literals = random.one_in(2);
            let count = 1 + random.below(3);
            let members: Vec<Expr> = (0..count)
                .map(|_| {
                    if literals {
                        any_literal(random, &data_type)
                    } else {
                        typed(random, depth - 1)
                    }
                })
                .collect();
            let x = typed(random, depth - 1);
            if random.one_in(2) {
                x.is_in(members)
            } else {
                x.not_in(members)
            }
        }
        13 => {
            let (x, low) = (typed(random, depth - 1), typed(random, depth - 1));
            let high = typed(random, depth - 1);
            if random.one_in(2) {
                x.between(low, high)
            } else {
                x.not_between(low, high)
            }
        }
        14 => Expr::unary(UnaryOp::IsNan, float(random, depth - 1)),
        _ => case(random, depth, truth),
    }
}

/// Evaluates and selects, and compares with the interpreter row by row. Gives whether it failed.
fn check(seed: u64) -> bool {
    let mut random = Random(seed);
    let schema = schema();
    let rows = random.pick(&[0, 1, 2, 7, 40, 70]);
    let (columns, values): (Vec<Column>, Vec<Vec<Value>>) = schema
        .fields()
        .iter()
        .map(|f| any_column(&mut random, f.data_type(), rows))
        .unzip();
    let batch = Batch::new(columns, rows);
    let row = |row: usize| {
        values
            .iter()
            .map(|column| column[row].clone())
            .collect::<Vec<_>>()
    };
    let mut selection = Selection::all(rows);
    if !random.one_in(3) {
        let n = 1 + random.below(5);
        selection.retain(|_| random.one_in(n));
    }
    let depth = 1 + random.below(5);
    let expr = match random.below(5) {
        0 => integer(&mut random, depth),
        1 => float(&mut random, depth),
        2 => text(&mut random, depth),
        _ => truth(&mut random, depth),
    };
    let expr = ready(expr, &schema);
    let program = Program::compile(&[&expr], &schema).unwrap();
    let (mut state, mut buffers) = (ProgramState::default(), Buffers::default());

    let mut selected = selection.clone();
    if program.types() == [DataType::Boolean] {
        let kept: Result<Vec<usize>, _> = selection
            .iter()
            .filter_map(|r| match oracle::keeps(&expr, &row(r), &schema) {
                Ok(keeps) => keeps.then_some(Ok(r)),
                Err(failure) => Some(Err(failure)),
            })
            .collect();
        match (
            program.select(&batch, &mut selected, &mut state, &mut buffers),
            kept,
        ) {
            (Ok(()), Ok(kept)) => {
                assert_eq!(selected.iter().collect::<Vec<_>>(), kept, "{expr}");
            }
            (Err(error), Err(_)) => {
                assert!(
                    matches!(error.kind(), ErrorKind::Evaluation { .. }),
                    "{expr}: {error}"
                );
            }
            (got, want) => panic!("{expr}: {got:?} instead of {want:?}"),
        }
    }

    let wanted: Result<Vec<(usize, Value)>, _> = selection
        .iter()
        .map(|r| oracle::value(&expr, &row(r), &schema).map(|value| (r, value)))
        .collect();
    match (
        program.evaluate(&batch, &selection, &mut state, &mut buffers),
        wanted,
    ) {
        (Ok(columns), Ok(wanted)) => {
            let column = &columns[0];
            assert_eq!(column.len(), rows, "{expr}");
            assert_eq!(column.data_type(), &program.types()[0], "{expr}");
            for (r, want) in wanted {
                let got = Value::of(&column.value(r).unwrap());
                assert!(
                    got.same(&want),
                    "{expr}, row {r}: {got:?} instead of {want:?}"
                );
            }
            false
        }
        (Err(error), Err(_)) => {
            assert!(program.is_fallible(), "{expr}: {error}");
            assert!(
                matches!(error.kind(), ErrorKind::Evaluation { .. }),
                "{expr}: {error}"
            );
            assert!(error.to_string().contains("in expression"), "{error}");
            true
        }
        (got, want) => panic!("{expr}: {got:?} instead of {want:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn programs_agree_with_the_interpreter(seed in any::<u64>()) {
        check(seed);
    }
}

#[test]
fn both_outcomes_are_tried() {
    let failed = (0..300).filter(|&seed| check(seed)).count();
    assert!((10..290).contains(&failed), "{failed} of 300 failed");
}
