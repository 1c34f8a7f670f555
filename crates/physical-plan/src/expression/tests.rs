//! Programs against a naive interpreter, on random and on very deep expressions.

/// Very deep expressions on a small stack.
mod deep;
/// The naive interpreter.
mod oracle;
/// Random expressions and batches.
mod random;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringViewArray};
use esker_datatypes::{
    Batch, Buffers, Column, DataType, ErrorKind, Field, Result, ScalarValue, Schema, Selection,
};
use esker_logical_expr::test_util::{double, fail_on, total};
use esker_logical_expr::{Expr, coerce, col, lit, resolve, when};
use esker_logical_plan::{ColumnStats, RowPredicate, Verdict};

use super::{CompiledPredicate, Program, ProgramState};

/// The columns that all tests here use.
fn schema() -> Schema {
    Schema::new(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("p", DataType::Boolean, true),
        Field::new("s", DataType::Utf8View, true),
        Field::new("f", DataType::Float64, true),
    ])
}

fn batch() -> Batch {
    let a: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(0),
        Some(3),
        None,
        Some(i64::MAX),
    ]));
    let p: ArrayRef = Arc::new(BooleanArray::from(vec![
        Some(true),
        Some(false),
        None,
        Some(true),
    ]));
    let s: ArrayRef = Arc::new(StringViewArray::from(vec![
        Some("7"),
        Some("x"),
        None,
        Some("-1"),
    ]));
    let f = Column::constant(ScalarValue::from(0.5), 4);
    Batch::new(
        vec![Column::flat(a), Column::flat(p), Column::flat(s), f],
        4,
    )
}

fn ready(expr: Expr, schema: &Schema) -> Expr {
    coerce(resolve(expr, schema).unwrap(), schema).unwrap().data
}

fn evaluate(expr: Expr, selection: &Selection) -> Result<Column> {
    let schema = schema();
    let expr = ready(expr, &schema);
    let program = Program::compile(&[&expr], &schema)?;
    let (mut state, mut buffers) = (ProgramState::default(), Buffers::default());
    let mut columns = program.evaluate(&batch(), selection, &mut state, &mut buffers)?;
    assert_eq!(columns.len(), 1);
    let column = columns.remove(0);
    assert_eq!(Some(column.data_type()), program.types().first());
    Ok(column)
}

fn select(expr: Expr, mut selection: Selection) -> Result<Vec<usize>> {
    let schema = schema();
    let expr = ready(expr, &schema);
    let program = Program::compile(&[&expr], &schema)?;
    let (mut state, mut buffers) = (ProgramState::default(), Buffers::default());
    program.select(&batch(), &mut selection, &mut state, &mut buffers)?;
    Ok(selection.iter().collect())
}

#[test]
fn errors_come_from_rows_that_are_reached() {
    let check = |expr: Expr, rows: &[u32], want: Result<&[&str], &str>| {
        let text = expr.to_string();
        match (
            evaluate(expr, &Selection::from_rows(4, rows.to_vec())),
            want,
        ) {
            (Ok(column), Ok(want)) => {
                for (&row, want) in rows.iter().zip(want) {
                    let value = column.value(row as usize).unwrap().to_string();
                    assert_eq!(&value, want, "{text}, row {row}");
                }
            }
            (Err(error), Err(want)) => {
                assert!(
                    matches!(error.kind(), ErrorKind::Evaluation { .. }),
                    "{error}"
                );
                assert!(error.to_string().contains(want), "{text}: {error}");
            }
            (got, want) => panic!("{text}: {got:?} instead of {want:?}"),
        }
    };
    let number = || col("s").cast(DataType::Int64);
    check(number(), &[0, 3], Ok(&["Int64(7)", "Int64(-1)"]));
    check(
        number(),
        &[0, 1],
        Err("in expression CAST(#s AS Int64), in column 's'"),
    );
    check(
        number() + 1i64,
        &[1],
        Err("in expression CAST(#s AS Int64)"),
    );
    check(
        when(col("p")).then(number()).end(),
        &[0, 1, 2, 3],
        Ok(&["Int64(7)", "Int64(NULL)", "Int64(NULL)", "Int64(-1)"]),
    );
    check(
        when(col("p").not()).then(0i64).otherwise(number()),
        &[0, 1, 2],
        Ok(&["Int64(7)", "Int64(0)", "Int64(NULL)"]),
    );
    check(
        when(col("p").not()).then(number()).end(),
        &[0, 1],
        Err("CAST(#s AS Int64)"),
    );
    check(when(col("p")).then(number()).end(), &[], Ok(&[]));
    // A null leaves a chain undecided, so what follows is computed.
    let not_three = || col("a").neq(3i64);
    let fails = || fail_on(col("a"), 3).gt_eq(0i64);
    check(
        not_three().and(fails()),
        &[0, 1, 2, 3],
        Ok(&["TRUE", "FALSE", "Boolean(NULL)", "TRUE"]),
    );
    check(fails().and(not_three()), &[0, 1], Err("fail_on met 3"));
    check(
        not_three().not().or(fails()),
        &[1, 3],
        Ok(&["TRUE", "TRUE"]),
    );
    check(col("p").and(fails()), &[1], Ok(&["FALSE"]));
    check(col("p").or(fails()), &[1], Err("fail_on"));
    check(
        col("a") + 1i64,
        &[0, 1, 2],
        Ok(&["Int64(1)", "Int64(4)", "Int64(NULL)"]),
    );
    check(col("a") + 1i64, &[3], Err("in expression #a + Int64(1)"));
    // Nested chains give the outer one its rows back.
    let nested = col("p")
        .and(not_three().or(fails()).and(col("a").lt(5i64)))
        .and(col("a").gt(1i64));
    check(nested, &[0, 1, 3], Ok(&["FALSE", "FALSE", "FALSE"]));
    check(double(col("f")), &[2], Ok(&["1.0"]));
    check(lit(5i64), &[0], Ok(&["Int64(5)"]));
}

#[test]
fn a_filter_keeps_rows_that_are_true() {
    let check = |expr: Expr, rows: &[u32], want: Result<&[usize], &str>| {
        let text = expr.to_string();
        match (select(expr, Selection::from_rows(4, rows.to_vec())), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "{text}"),
            (Err(error), Err(want)) => assert!(error.to_string().contains(want), "{error}"),
            (got, want) => panic!("{text}: {got:?} instead of {want:?}"),
        }
    };
    let all = &[0, 1, 2, 3];
    let fails = || fail_on(col("a"), 3).gt_eq(0i64);
    check(col("a").gt(0i64), all, Ok(&[1, 3]));
    check(col("p"), all, Ok(&[0, 3]));
    check(col("p").is_true().is_true(), all, Ok(&[0, 3]));
    check(col("p").and(col("a").gt(0i64)), &[0, 1], Ok(&[]));
    check(col("a").between(0i64, 3i64), all, Ok(&[0, 1]));
    check(col("a").not_between(0i64, 3i64), all, Ok(&[3]));
    check(col("a").is_in([3i64, 4]), all, Ok(&[1]));
    check(col("a").is_in([col("a"), lit(4i64)]), all, Ok(&[0, 1, 3]));
    check(lit(true), all, Ok(&[0, 1, 2, 3]));
    check(lit(false), all, Ok(&[]));
    check(lit(ScalarValue::null(&DataType::Boolean)), all, Ok(&[]));
    check(col("a").neq(3i64).and(fails()), all, Ok(&[0, 3]));
    check(fails(), all, Err("fail_on met 3"));
    check(fails(), &[0, 2, 3], Ok(&[0, 3]));
    check(
        col("a").eq(0i64).or(col("s").eq("x")).alias("x"),
        all,
        Ok(&[0, 1]),
    );
}

#[test]
fn programs_of_several_expressions_share_inputs() {
    let schema = schema();
    let exprs = [
        ready(col("a"), &schema),
        ready(
            when(col("p")).then(col("a") % 2i64).otherwise(0i64),
            &schema,
        ),
        ready(col("p").or(col("f").gt(1.0)).alias("x"), &schema),
        ready(col("p").alias("y"), &schema),
    ];
    let program = Program::compile(&exprs.iter().collect::<Vec<_>>(), &schema).unwrap();
    assert_eq!(program.inputs(), [0, 1, 3]);
    assert!(!program.is_fallible());
    assert!(program.to_string().starts_with("#a, CASE"), "{program}");
    let (mut state, mut buffers) = (ProgramState::default(), Buffers::default());
    let batch = batch();
    for _ in 0..2 {
        let columns = program
            .evaluate(&batch, batch.selection(), &mut state, &mut buffers)
            .unwrap();
        let text = |column: usize, row: usize| columns[column].value(row).unwrap().to_string();
        assert_eq!(text(0, 1), "Int64(3)");
        assert_eq!(text(1, 3), "Int64(1)");
        assert_eq!(
            [text(2, 0), text(2, 1), text(2, 2)],
            ["TRUE", "FALSE", "Boolean(NULL)"]
        );
        assert_eq!(text(3, 1), "FALSE");
    }
    let mut selection = Selection::all(4);
    let error = program
        .select(&batch, &mut selection, &mut state, &mut buffers)
        .unwrap_err();
    assert!(error.to_string().contains("is no predicate"), "{error}");
}

#[test]
fn what_cannot_be_compiled_says_so() {
    let check = |expr: Expr, want: &str| {
        let error = Program::compile(&[&expr], &schema()).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    };
    let field = Field::new("z", DataType::Int64, true);
    check(Expr::column(&field), "'z' not found");
    let schema = schema();
    let aggregate = ready(total(col("a")), &schema);
    let error = Program::compile(&[&aggregate], &schema).unwrap_err();
    assert!(error.to_string().contains("total()"), "{error}");
}

#[test]
fn where_no_row_is_selected_no_column_is_needed() {
    let schema = schema();
    let exprs = [col("a") + 1, col("p") & col("f").gt(0), col("s")];
    let exprs = exprs.map(|expr| ready(expr, &schema));
    let program = Program::compile(&exprs.each_ref(), &schema).unwrap();
    let filter = Program::compile(&[&exprs[1]], &schema).unwrap();
    let (mut state, mut buffers) = (ProgramState::default(), Buffers::default());
    for rows in [0, 3] {
        let mut none = Selection::none(rows);
        let mark = Batch::new(vec![], rows);
        let columns = program
            .evaluate(&mark, &none, &mut state, &mut buffers)
            .unwrap();
        let types: Vec<&DataType> = columns.iter().map(Column::data_type).collect();
        assert_eq!(types, program.types().iter().collect::<Vec<_>>());
        assert!(columns.iter().all(|column| column.len() == rows));
        filter
            .select(&mark, &mut none, &mut state, &mut buffers)
            .unwrap();
        assert!(none.is_none());
    }
}

#[test]
fn predicates_read_only_their_columns() {
    struct Unknown;
    impl ColumnStats for Unknown {
        fn rows(&self) -> Option<u64> {
            None
        }
        fn interval(&self, _column: usize) -> Option<esker_logical_expr::Interval> {
            None
        }
    }
    let schema = schema();
    let check = |expr: Expr, fallible: bool, columns: &[usize], want: &[usize]| {
        let predicate = CompiledPredicate::new(&ready(expr, &schema), &schema, None).unwrap();
        assert_eq!(predicate.columns(), columns);
        assert_eq!(predicate.properties().fallible, fallible);
        assert_eq!(predicate.prune(&Unknown), Verdict::Maybe);
        // What the predicate does not name may be absent.
        let mut given = batch().clear();
        given.truncate(columns.last().map_or(0, |last| last + 1));
        let mut selection = Selection::all(4);
        predicate
            .select(
                &Batch::new(given, 4),
                &mut selection,
                &mut Buffers::default(),
            )
            .unwrap();
        assert_eq!(selection.iter().collect::<Vec<_>>(), want);
    };
    check(col("a").gt(0i64), false, &[0], &[1, 3]);
    check(
        (col("a") % 2i64).eq(1i64).and(col("p")),
        false,
        &[0, 1],
        &[3],
    );
    check((col("f") * 2.0).gt(0.0), false, &[3], &[0, 1, 2, 3]);
    check(
        col("s").try_cast(DataType::Int64).gt(0i64),
        false,
        &[2],
        &[0],
    );
    check((col("a") - 1i64).gt(0i64), true, &[0], &[1, 3]);
    // An `Int32` has room in an `Int64`, whatever its value.
    let small = col("a").try_cast(DataType::Int32).cast(DataType::Int64) + 1i64;
    check(small.gt(1i64), false, &[0], &[1]);
}
