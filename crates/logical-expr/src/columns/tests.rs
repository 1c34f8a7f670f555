//! Tests of resolving and replacing columns.

use esker_datatypes::{DataType, ErrorKind, Field, Name};

use super::*;
use crate::{col, lit};

fn schema() -> Schema {
    let field = |qualifier: &str, name: &str| {
        Field::new(name, DataType::Int64, true).with_qualifiers([Name::from(qualifier)])
    };
    Schema::new(vec![
        field("o", "id"),
        field("c", "id"),
        field("o", "total"),
        Field::new("a.b", DataType::Int64, true),
    ])
}

#[test]
fn names_become_columns() {
    let schema = schema();
    let check = |expr: Expr, want: Result<(&str, &[usize]), &str>| {
        match (resolve(expr.clone(), &schema), want) {
            (Ok(resolved), Ok((text, columns))) => {
                assert_eq!(resolved.to_string(), text);
                let ids: BTreeSet<ColumnId> =
                    columns.iter().map(|&i| schema.fields()[i].id()).collect();
                assert_eq!(columns_of(&resolved).unwrap(), ids);
                // What is resolved stays as it is.
                assert!(
                    resolve(resolved.clone(), &schema)
                        .unwrap()
                        .same_as(&resolved)
                );
            }
            (Err(error), Err(want)) => assert!(error.to_string().contains(want), "{error}"),
            (got, want) => panic!("{expr}: {got:?} instead of {want:?}"),
        }
    };
    check(col("o.id"), Ok(("#o.id", &[0])));
    check(col("o.id") + col("c.id"), Ok(("#o.id + #c.id", &[0, 1])));
    check(
        col("total") * col("o.total"),
        Ok(("#total * #o.total", &[2])),
    );
    check(col("a.b"), Ok(("#\"a.b\"", &[3])));
    check(lit(1), Ok(("1", &[])));
    check(col("id"), Err("ambiguous: it could be 'o.id' or 'c.id'"));
    check(col("totl"), Err("did you mean 'total'?"));
    check(col("x.id"), Err("not found"));
}

#[test]
fn columns_of_other_frames_are_refused() {
    let foreign = Expr::column(&Field::new("id", DataType::Int64, true));
    let error = resolve(foreign, &schema()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::ColumnNotFound { .. }),
        "{error}"
    );
    assert!(columns_of(&col("id")).is_err());
}

#[test]
fn columns_are_replaced() {
    let schema = schema();
    let ids: Vec<ColumnId> = schema.fields().iter().map(Field::id).collect();
    let expr = resolve(col("o.id") + col("total"), &schema).unwrap();
    let by = HashMap::from([(ids[2], resolve(col("a.b") * 2, &schema).unwrap())]);
    let replaced = substitute(expr.clone(), &by).unwrap();
    assert!(replaced.changed);
    assert_eq!(replaced.data.to_string(), "#o.id + #\"a.b\" * 2");
    assert!(
        !substitute(replaced.data, &HashMap::from([(ids[1], lit(1))]))
            .unwrap()
            .changed
    );

    let fresh = ColumnId::fresh();
    let moved = re_id(expr.clone(), &HashMap::from([(ids[0], fresh)])).unwrap();
    assert_eq!(moved.to_string(), expr.to_string());
    assert!(!moved.same_as(&expr));
    assert_eq!(columns_of(&moved).unwrap(), BTreeSet::from([fresh, ids[2]]));
}
