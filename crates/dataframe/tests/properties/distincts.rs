//! Distinct rows of every type, the first of each kind.

use crate::common::{Shape, TYPES, check, scan, table};
use crate::oracle::{Grouping, Plan, Type};

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|&name| name.to_owned()).collect())
}

#[test]
fn the_first_row_of_each_key() {
    for (at, data_type) in TYPES.into_iter().enumerate() {
        for shape in Shape::ALL {
            let columns = [("k", data_type), ("l", TYPES[(at + 7) % TYPES.len()])];
            let tables = [table(at as u64, &columns, shape)];
            let (one, two) = (names(&["k"]), names(&["l", "k"]));
            check(&Plan::Distinct(scan(0), one, Grouping::IN_ORDER), &tables);
            check(&Plan::Distinct(scan(0), two, Grouping::default()), &tables);
        }
    }
}

#[test]
fn rows_that_differ_somewhere() {
    for (at, data_type) in TYPES.into_iter().enumerate() {
        for shape in Shape::ALL {
            let mut table = table(at as u64, &[("k", data_type), ("b", Type::Bool)], shape);
            // Without the column that counts rows, some are the same.
            table.columns.pop();
            for row in table.batches.iter_mut().flatten() {
                row.pop();
            }
            let tables = [table];
            for options in [Grouping::default(), Grouping::IN_ORDER] {
                check(&Plan::Distinct(scan(0), None, options), &tables);
            }
        }
    }
}
