//! What the tests of functions share: a call on columns in every encoding and under several
//! selections, against an oracle that sees one row at a time.

use arrow::array::{Array, ArrayRef};
use esker_datatypes::{
    Buffers, Column, DataType, ErrorKind, Field, Result, ScalarValue, Schema, Selection, value_type,
};
use esker_logical_expr::tree::TreeNode;
use esker_logical_expr::{Expr, apply, coerce, expr_type, resolve};

/// The names of the columns.
pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];

/// The type and the coerced text of a call on columns of these types, none of them nullable.
pub(crate) fn typed(call: Expr, types: &[DataType]) -> Result<String> {
    let fields = NAMES.iter().zip(types);
    let schema = fields
        .map(|(name, data_type)| Field::new(*name, data_type.clone(), false))
        .collect();
    let call = resolve(call, &schema)?;
    let result = expr_type(&call, &schema)?;
    let question = if result.nullable { "?" } else { "" };
    let coerced = coerce(call, &schema)?.data;
    Ok(format!("{coerced}: {}{question}", result.data_type))
}

/// Calls a function on every row of the columns. The oracle is given the row's values and says the
/// result, or `None` when there is none: then the call must fail if, and only if, the row is
/// selected.
pub(crate) fn check(
    call: Expr,
    columns: &[ArrayRef],
    oracle: impl Fn(&[ScalarValue]) -> Option<ScalarValue>,
) {
    let rows = columns.first().map_or(0, |column| column.len());
    let schema: Schema = NAMES
        .iter()
        .zip(columns)
        .map(|(name, column)| {
            let nullable = column.logical_null_count() > 0;
            Field::new(*name, column.data_type().clone(), nullable)
        })
        .collect();
    let call = coerce(resolve(call, &schema).unwrap(), &schema)
        .unwrap()
        .data;
    let flat: Vec<Column> = columns
        .iter()
        .map(|c| Column::from_arrow(c).unwrap())
        .collect();
    let want: Vec<Option<ScalarValue>> = (0..rows)
        .map(|row| {
            let values: Vec<ScalarValue> = flat.iter().map(|c| c.value(row).unwrap()).collect();
            oracle(&values)
        })
        .collect();

    let few = |count: u32| (0..rows as u32).filter(|row| row % count == 1).collect();
    let valid = |row: &u32| want[*row as usize].is_some();
    let mut selections = vec![
        Selection::all(rows),
        Selection::none(rows),
        Selection::from_rows(rows, few(2)),
        Selection::from_rows(rows, few(17)),
        Selection::from_rows(rows, (0..rows as u32).filter(valid).collect()),
    ];
    selections.extend((0..rows.min(1)).map(|row| Selection::from_rows(rows, vec![row as u32])));
    let coded: Vec<Column> = flat.iter().map(Column::dictionary_encoded).collect();
    let mixed: Vec<Column> = coded
        .iter()
        .take(1)
        .chain(flat.iter().skip(1))
        .cloned()
        .collect();
    for columns in [&flat, &coded, &mixed] {
        for selection in &selections {
            check_rows(&call, &schema, columns, selection, &want);
        }
    }
    // The first column with each of the others' values for all rows, and every row as constants.
    for row in (0..rows).step_by((rows / 16).max(1)) {
        let constant = |c: &Column| Column::constant(c.value(row).unwrap(), 3);
        let constants: Vec<Column> = flat.iter().map(constant).collect();
        let all = vec![want[row].clone(); 3];
        check_rows(&call, &schema, &constants, &Selection::all(3), &all);
        check_rows(&call, &schema, &constants, &Selection::none(3), &all);
        let sliced: Vec<Column> = flat.iter().map(|c| c.slice(row, 1)).collect();
        check_rows(
            &call,
            &schema,
            &sliced,
            &Selection::all(1),
            &want[row..=row],
        );
    }
    let empty: Vec<Column> = flat.iter().map(|c| c.slice(0, 0)).collect();
    check_rows(&call, &schema, &empty, &Selection::all(0), &[]);
}

fn check_rows(
    call: &Expr,
    schema: &Schema,
    columns: &[Column],
    selection: &Selection,
    want: &[Option<ScalarValue>],
) {
    let planned = expr_type(call, schema).unwrap();
    let fails = selection.iter().any(|row| want[row].is_none());
    match evaluate(call, schema, columns, selection) {
        Ok(result) => {
            assert!(!fails, "{call} does not fail");
            assert_eq!(result.len(), selection.len(), "{call}");
            assert_eq!(
                result.value_type(),
                value_type(&planned.data_type),
                "{call}"
            );
            for row in selection.iter() {
                let (got, want) = (result.value(row).unwrap(), want[row].as_ref().unwrap());
                assert_eq!(got.to_string(), want.to_string(), "{call}, row {row}");
                assert!(
                    planned.nullable || !got.is_null(),
                    "{call}: a null was not planned"
                );
            }
        }
        Err(error) => {
            assert!(fails, "{call}: {error}");
            let evaluation = matches!(error.kind(), ErrorKind::Evaluation { .. });
            assert!(
                evaluation && error.to_string().contains("overflow"),
                "{error}"
            );
        }
    }
}

/// The value of a call whose arguments are columns, literals, and casts of them.
fn evaluate(
    expr: &Expr,
    schema: &Schema,
    columns: &[Column],
    selection: &Selection,
) -> Result<Column> {
    match expr {
        Expr::Column(column) => {
            let at = column.id().and_then(|id| schema.index_of(id)).unwrap();
            Ok(columns[at].clone())
        }
        Expr::Literal(value) => Ok(Column::constant(value.clone(), selection.len())),
        node => {
            let mut operands = Vec::new();
            node.for_each_child(&mut |child| {
                operands.push(evaluate(child, schema, columns, selection));
            });
            let operands = operands.into_iter().collect::<Result<Vec<_>>>()?;
            let out = expr_type(node, schema)?.data_type;
            let mut buffers = Buffers::default();
            apply(
                node,
                &operands,
                selection.len(),
                &out,
                selection,
                &mut buffers,
            )
        }
    }
}
