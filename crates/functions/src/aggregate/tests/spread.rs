//! Variances and correlations: against two passes over the values, and where digits are few.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use esker_datatypes::{Buffers, Column, DataType, Selection};
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator};
use proptest::prelude::*;

use super::super::corr::Corr;
use super::super::{Std, Var};
use super::oracle::variance;

type Pair = (Option<f64>, Option<f64>);

fn column(values: impl Iterator<Item = Option<f64>>) -> Column {
    Column::flat(Arc::new(Float64Array::from_iter(values)))
}

/// The states of pairs of group and values.
fn states(function: &dyn AggregateFunction, rows: &[(u32, Pair)]) -> Box<dyn GroupsAccumulator> {
    let args = match function.name() {
        "corr" => 2,
        _ => 1,
    };
    let mut all = function
        .accumulator(&vec![DataType::Float64; args])
        .unwrap();
    let groups: Vec<u32> = rows.iter().map(|row| row.0).collect();
    let x = column(rows.iter().map(|row| row.1.0));
    let y = column(rows.iter().map(|row| row.1.1));
    let selection = Selection::all(rows.len());
    let values = &[x, y][..args];
    all.update(&groups, 3, values, &selection, &mut Buffers::default())
        .unwrap();
    all
}

fn results(groups: &dyn GroupsAccumulator) -> Vec<Option<f64>> {
    let column = groups.finish(0..3).unwrap();
    (0..3)
        .map(|at| column.value(at).unwrap().as_f64())
        .collect()
}

/// Pearson's correlation, by its definition.
fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let count = pairs.len() as f64;
    let mean_x = pairs.iter().map(|p| p.0).sum::<f64>() / count;
    let mean_y = pairs.iter().map(|p| p.1).sum::<f64>() / count;
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|p| f(p.0 - mean_x, p.1 - mean_y)).sum()
    };
    let spread = sum(&|x, _| x * x).sqrt() * sum(&|_, y| y * y).sqrt();
    let found = sum(&|x, y| x * y) / spread;
    (pairs.len() > 1).then_some(found)
}

fn close(found: Option<f64>, want: Option<f64>) -> bool {
    match (found, want) {
        (None, None) => true,
        (Some(found), Some(want)) => {
            (found.is_nan() && want.is_nan()) || (found - want).abs() <= 1e-9 * want.abs().max(1.0)
        }
        _ => false,
    }
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None),
        8 => (-1000..1000i32).prop_map(|v| Some(f64::from(v) / 8.0)),
    ]
}

proptest! {
    #[test]
    fn merged_in_any_order(
        rows in prop::collection::vec((0..3u32, (value(), value())), 0..200),
        cuts in prop::collection::vec(0..200usize, 3),
        backwards: bool,
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows.len())).collect();
        cuts.extend([0, rows.len()]);
        cuts.sort_unstable();
        let mut parts: Vec<_> = cuts.windows(2).map(|ends| &rows[ends[0]..ends[1]]).collect();
        if backwards {
            parts.reverse();
        }
        let of = |group: u32| -> Vec<Pair> {
            rows.iter().filter(|row| row.0 == group).map(|row| row.1).collect()
        };
        let both = |(x, y): &Pair| x.zip(*y);
        let firsts = |group: u32| of(group).iter().filter_map(|p| p.0).collect::<Vec<_>>();
        let functions: [(&dyn AggregateFunction, Vec<Option<f64>>); 3] = [
            (&Var::new(), (0..3).map(|g| variance(&firsts(g), 1.0)).collect()),
            (&Std::new().ddof(0), (0..3)
                .map(|g| variance(&firsts(g), 0.0).map(f64::sqrt)).collect()),
            (&Corr, (0..3).map(|g| {
                let pairs: Vec<_> = of(g).iter().filter_map(both).collect();
                correlation(&pairs)
            }).collect()),
        ];
        for (function, want) in functions {
            let mut merged = states(function, &[]);
            for part in &parts {
                let state = states(function, part).state(0..3).unwrap();
                merged.merge(&[0, 1, 2], 3, &state).unwrap();
            }
            for found in [results(merged.as_ref()), results(states(function, &rows).as_ref())] {
                let same = found.iter().zip(&want).all(|(f, w)| close(*f, *w));
                prop_assert!(same, "{function:?}: {found:?}, not {want:?}");
            }
        }
    }
}

#[test]
fn a_great_mean_takes_no_digits() {
    // The squares themselves have none to spare: 1e18, and a variance of 30.
    let values = [4.0, 7.0, 13.0, 16.0].map(|v| v + 1e9);
    for groups in [[0, 0, 0, 0], [0, 1, 2, 0]] {
        let rows: Vec<_> = groups
            .into_iter()
            .zip(values)
            .flat_map(|(group, v)| [(group, (Some(v), None)), (0, (Some(v), None))])
            .collect();
        let firsts: Vec<f64> = rows
            .iter()
            .filter(|r| r.0 == 0)
            .filter_map(|r| r.1.0)
            .collect();
        let shifted: Vec<f64> = firsts.iter().map(|v| v - 1e9).collect();
        let found = results(states(&Var::new(), &rows).as_ref())[0];
        let want = variance(&shifted, 1.0).unwrap();
        assert!(
            found.is_some_and(|found| (found - want).abs() < 1e-6 * want),
            "{found:?}, not {want}"
        );
    }
}

#[test]
fn what_does_not_vary() {
    let of = |function: &dyn AggregateFunction, values: &[f64]| {
        let rows: Vec<_> = values.iter().map(|&v| (0, (Some(v), Some(1.0)))).collect();
        results(states(function, &rows).as_ref())[0]
    };
    assert_eq!(of(&Var::new(), &[0.1; 7]), Some(0.0));
    assert_eq!(of(&Std::new(), &[-0.0, 0.0]), Some(0.0));
    assert_eq!(of(&Std::new(), &[3.0]), None);
    assert_eq!(of(&Std::new().ddof(0), &[3.0]), Some(0.0));
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(of(&Var::new(), &[1.0, odd, 2.0]).is_some_and(f64::is_nan));
        assert!(of(&Var::new().ddof(0), &[odd]).is_some_and(f64::is_nan));
        assert!(of(&Corr, &[1.0, odd, 2.0]).is_some_and(f64::is_nan));
    }
    // Squares beyond floats.
    assert!(of(&Var::new(), &[f64::MAX, f64::MIN]).is_some_and(f64::is_nan));
    assert!(of(&Corr, &[1.0, 2.0]).is_some_and(f64::is_nan));
    assert_eq!(of(&Corr, &[1.0]), None);
    let line: Vec<_> = (0..9)
        .map(|v| (0, (Some(f64::from(v)), Some(f64::from(-v)))))
        .collect();
    assert!(close(results(states(&Corr, &line).as_ref())[0], Some(-1.0)));
}

#[test]
fn pairs_of_different_encodings() {
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(4)]));
    let dictionary = Column::flat(ints).dictionary_encoded();
    let floats = column([Some(2.0), Some(1.0), Some(9.0), Some(7.0)].into_iter());
    let constant = Column::constant(1i64.into(), 4);
    let of = |x: &Column, y: &Column, rows: Vec<u32>| {
        let types = [x.data_type().clone(), y.data_type().clone()];
        let mut groups = Corr.accumulator(&types).unwrap();
        let selection = Selection::from_rows(4, rows);
        let owners = vec![0; selection.count()];
        let values = [x.clone(), y.clone()];
        groups
            .update(&owners, 1, &values, &selection, &mut Buffers::default())
            .unwrap();
        groups.finish(0..1).unwrap().value(0).unwrap().as_f64()
    };
    let want = correlation(&[(1.0, 2.0), (2.0, 1.0), (4.0, 7.0)]);
    assert!(close(of(&dictionary, &floats, vec![0, 1, 2, 3]), want));
    assert!(close(of(&floats, &dictionary, vec![0, 1, 2, 3]), want));
    assert!(close(of(&dictionary, &floats, vec![0, 2, 3]), Some(1.0)));
    assert!(of(&dictionary, &constant, vec![0, 1, 3]).is_some_and(f64::is_nan));
    assert_eq!(of(&dictionary, &floats, vec![2, 3]), None);
}
