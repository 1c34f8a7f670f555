//! Verdicts of filters on statistics, and that none of them loses a row.

use std::sync::Arc;

use esker_datatypes::{Field, Schema};
use esker_logical_expr::test_util::double;
use esker_logical_expr::{coerce, col, evaluate_constant, lit, resolve, substitute};
use proptest::prelude::*;

use super::*;

fn schema() -> &'static Schema {
    static SCHEMA: std::sync::OnceLock<Arc<Schema>> = std::sync::OnceLock::new();
    SCHEMA.get_or_init(|| {
        Arc::new(Schema::new(vec![
            Field::new("i", DataType::Int64, true),
            Field::new("f", DataType::Float64, true),
            Field::new("t", DataType::Utf8View, true),
            Field::new("b", DataType::Boolean, true),
            Field::new("unknown", DataType::Int64, true),
        ]))
    })
}

fn ready(expr: Expr) -> Expr {
    coerce(resolve(expr, schema()).unwrap(), schema())
        .unwrap()
        .data
}

#[derive(Debug)]
struct Group {
    rows: Option<u64>,
    intervals: Vec<Option<Interval>>,
    /// What the Bloom filter holds, as plan text; `None` without one.
    holds: Option<Vec<String>>,
}

impl ColumnStats for Group {
    fn rows(&self) -> Option<u64> {
        self.rows
    }

    fn interval(&self, column: usize) -> Option<Interval> {
        self.intervals.get(column).cloned().flatten()
    }

    fn may_contain(&self, _column: usize, value: &ScalarValue) -> bool {
        self.holds
            .as_ref()
            .is_none_or(|holds| holds.contains(&value.to_string()))
    }
}

/// i in 10..=20, f in -1.0..=1.0, t in 'b'..='m', b true or false; no NaN, no null.
fn group() -> Group {
    let between = Interval::between;
    Group {
        rows: Some(100),
        intervals: vec![
            Some(between(
                &DataType::Int64,
                Some(10i64.into()),
                Some(20i64.into()),
            )),
            Some(between(
                &DataType::Float64,
                Some((-1.0).into()),
                Some(1.0.into()),
            )),
            Some(between(
                &DataType::Utf8View,
                Some("b".into()),
                Some("m".into()),
            )),
            Some(Interval::truth(true, true, false)),
            None,
        ],
        holds: None,
    }
}

#[track_caller]
fn check(group: &Group, filter: Expr, want: Verdict) {
    let filter = ready(filter);
    let found = prune(&filter, &|id| schema().index_of(id), group);
    assert_eq!(found, want, "{filter} on {group:?}");
}

#[test]
fn bounds_rule_out_and_in() {
    use Verdict::{AllPass, Drop, Maybe};
    let g = group();
    check(&g, col("i").eq(9), Drop);
    check(&g, col("i").eq(10), Maybe);
    check(&g, col("i").gt(20), Drop);
    check(&g, col("i").gt_eq(10), AllPass);
    check(&g, col("i").neq(9), AllPass);
    check(&g, col("i").between(20, 30), Maybe);
    check(&g, col("i").between(21, 30), Drop);
    check(&g, col("i").not_between(21, 30), AllPass);
    check(&g, col("i").is_in([1, 2]), Drop);
    check(&g, col("i").is_in([1, 10]), Maybe);
    check(&g, col("i").not_in([1, 2]), AllPass);
    check(&g, col("t").lt("b"), Drop);
    check(&g, col("t").gt("m"), Drop);
    check(&g, col("t").gt_eq("a"), AllPass);
    check(&g, col("b"), Maybe);
    check(&g, col("i").gt(0).and(col("t").eq("z")), Drop);
    check(&g, col("i").gt(0).or(col("t").eq("z")), AllPass);
    check(&g, col("i").lt(0).or(col("t").eq("z")), Drop);
    check(&g, (col("i") + 1).gt(21), Drop);
    check(&g, lit(true), AllPass);
    check(&g, lit(false), Drop);
    check(&g, lit(None::<bool>), Drop);
    check(&g, double(col("f")).gt(3.0), Maybe);
}

#[test]
fn unknown_columns_prove_nothing() {
    use Verdict::{AllPass, Drop, Maybe};
    let g = group();
    for filter in [
        col("unknown").eq(1),
        col("unknown").is_null(),
        col("unknown").is_not_null(),
        (col("unknown") * 2).lt(1),
        col("unknown").cast(DataType::Float64).lt(1.0),
        col("unknown").is_in([1, 2]),
        col("unknown")
            .lt(f64::NAN)
            .and(col("unknown").is_not_null()),
        col("unknown").gt(col("i")).is_true().is_false(),
        (-col("unknown")).gt(0),
    ] {
        check(&g, filter, Maybe);
    }
    check(&g, col("unknown").eq(1).and(col("i").lt(0)), Drop);
    check(&g, col("unknown").eq(1).or(col("i").gt(0)), AllPass);
    // Columns that the statistics do not cover at all.
    let filter = ready(col("i").lt(0));
    assert_eq!(prune(&filter, &|_| None, &g), Maybe);
}

#[test]
fn nan_hides_outside_of_the_bounds() {
    use Verdict::{AllPass, Drop, Maybe};
    let known = group();
    let mut hidden = group();
    hidden.intervals[1] = group().intervals[1].clone().map(|i| i.with_nan(true));
    check(&known, col("f").gt(1.0), Drop);
    check(&hidden, col("f").gt(1.0), Maybe);
    check(&known, col("f").lt_eq(1.0), AllPass);
    check(&hidden, col("f").lt_eq(1.0), Maybe);
    check(&known, col("f").eq(f64::NAN), Drop);
    check(&hidden, col("f").eq(f64::NAN), Maybe);
    check(&known, col("f").is_nan(), Drop);
    check(&hidden, col("f").is_nan(), Maybe);
    check(&hidden, col("f").lt(-1.0), Drop);
    check(&hidden, col("f").gt_eq(-1.0), AllPass);
}

#[test]
fn nulls_pass_no_comparison() {
    use Verdict::{AllPass, Drop, Maybe};
    let mut nulls = group();
    // A missing null count means that there may be nulls.
    nulls.intervals[0] = group().intervals[0].clone().map(|i| i.with_null(true));
    check(&nulls, col("i").gt_eq(10), Maybe);
    check(&nulls, col("i").gt_eq(21), Drop);
    check(&nulls, col("i").is_null(), Maybe);
    check(&nulls, col("i").is_not_null(), Maybe);
    check(&nulls, col("i").gt_eq(10).is_true(), Maybe);
    check(&nulls, col("i").gt_eq(10).or(col("i").is_null()), Maybe);
    check(&nulls, col("i").gt_eq(21).is_false(), Maybe);
    check(&group(), col("i").is_null(), Drop);
    check(&group(), col("i").is_not_null(), AllPass);
    let mut all = group();
    all.intervals[0] = Some(Interval::constant(&ScalarValue::null(&DataType::Int64)));
    for filter in [
        col("i").eq(1),
        col("i").neq(1),
        !col("i").eq(1),
        col("i").is_not_null(),
    ] {
        check(&all, filter, Drop);
    }
    check(&all, col("i").is_null(), AllPass);
    check(&all, col("i").eq(1).is_false(), Drop);
}

#[test]
fn both_zeros_are_one() {
    use Verdict::{AllPass, Maybe};
    let zero = |bound: f64| {
        let mut zero = group();
        zero.intervals[1] = Some(Interval::between(
            &DataType::Float64,
            Some(bound.into()),
            Some(bound.into()),
        ));
        zero
    };
    for (stored, asked) in [(0.0, -0.0), (-0.0, 0.0)] {
        check(&zero(stored), col("f").eq(asked), AllPass);
        check(&zero(stored), col("f").gt_eq(asked), AllPass);
        check(&zero(stored), col("f").lt_eq(asked), AllPass);
        let bloom = Group {
            holds: Some(vec![ScalarValue::from(stored).to_string()]),
            ..group()
        };
        check(&bloom, col("f").eq(asked), Maybe);
        check(&bloom, col("f").is_in([asked]), Maybe);
    }
}

#[test]
fn empty_groups_are_dropped() {
    for filter in [lit(true), col("i").is_null(), col("unknown").eq(1)] {
        check(
            &Group {
                rows: Some(0),
                ..group()
            },
            filter,
            Verdict::Drop,
        );
    }
    check(
        &Group {
            rows: None,
            ..group()
        },
        lit(true),
        Verdict::AllPass,
    );
}

#[test]
fn equalities_ask_what_is_contained() {
    use Verdict::{Drop, Maybe};
    let g = Group {
        holds: Some(vec!["Int64(15)".into(), "'c'".into()]),
        ..group()
    };
    check(&g, col("i").eq(14), Drop);
    check(&g, col("i").eq(15), Maybe);
    check(&g, lit(14).eq(col("i")), Drop);
    check(&g, col("i").eq(14).alias("x"), Drop);
    check(&g, col("i").eq(14).is_true(), Drop);
    check(&g, col("i").is_in([13, 14]), Drop);
    check(&g, col("i").is_in([14, 15]), Maybe);
    check(&g, col("i").eq(14).and(col("b")), Drop);
    check(&g, col("i").eq(14).or(col("b")), Maybe);
    check(&g, col("i").eq(14).or(col("t").eq("d")), Drop);
    // These are true because nothing is found.
    check(&g, !col("i").eq(14), Maybe);
    check(&g, col("i").neq(14), Maybe);
    check(&g, col("i").not_in([13, 14]), Maybe);
    check(&g, col("i").eq(14).is_false(), Maybe);
    // A hash of NaN depends on its bits.
    let mut nan = g;
    nan.intervals[1] = Some(Interval::unknown(&DataType::Float64));
    check(&nan, col("f").eq(f64::NAN), Maybe);
    check(&nan, col("f").eq(0.25), Drop);
}

#[test]
fn deep_filters_are_pruned_too() {
    let deep = (0..20_000).fold(col("i").eq(9), |filter, i| filter.or(col("i").eq(-i)));
    check(&group(), deep, Verdict::Drop);
}

const FLOATS: [f64; 8] = [
    f64::NEG_INFINITY,
    -1.0,
    -0.0,
    0.0,
    0.5,
    1.0,
    f64::INFINITY,
    f64::NAN,
];

fn float() -> impl Strategy<Value = Option<f64>> {
    (0..=FLOATS.len()).prop_map(|i| FLOATS.get(i).copied())
}

fn filter() -> impl Strategy<Value = Expr> {
    let leaf = (0..9, float(), float()).prop_map(|(kind, a, b)| {
        let f = || col("f");
        match kind {
            0 => f().eq(a),
            1 => f().neq(a),
            2 => f().lt(a),
            3 => f().lt_eq(a),
            4 => f().gt(a),
            5 => lit(a).gt_eq(f()),
            6 => f().is_in([a, b]),
            7 => f().between(a, b),
            _ if a.is_some() => f().is_null(),
            _ => f().is_nan(),
        }
    });
    leaf.prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), inner, 0..5).prop_map(|(a, b, kind)| match kind {
            0 => a.and(b),
            1 => a.or(b),
            2 => !a,
            3 => a.is_true(),
            _ => a.is_false(),
        })
    })
}

proptest! {
    #[test]
    fn verdicts_are_true(
        rows in prop::collection::vec(float(), 0..6),
        filter in filter(),
        widen: bool,
        bloom: bool,
    ) {
        let filter = ready(filter);
        let id = schema().fields()[1].id();
        let passes = |row: &Option<f64>| {
            let by = [(id, lit(*row))].into_iter().collect();
            let constant = substitute(filter.clone(), &by).unwrap().data;
            evaluate_constant(&constant).unwrap().as_bool() == Some(true)
        };
        let passing = rows.iter().filter(|row| passes(row)).count();
        let finite = || rows.iter().flatten().copied().filter(|f| !f.is_nan());
        let bound = |of: Option<f64>| of.map(ScalarValue::from);
        let interval = if finite().next().is_some() {
            let (min, max) = (finite().reduce(f64::min), finite().reduce(f64::max));
            Interval::between(&DataType::Float64, bound(min), bound(max))
        } else {
            Interval::constant(&ScalarValue::null(&DataType::Float64))
        };
        let interval = interval
            .with_null(widen || rows.contains(&None))
            .with_nan(widen || rows.iter().flatten().any(|f| f.is_nan()));
        let group = Group {
            rows: (!widen).then_some(rows.len() as u64),
            intervals: vec![None, Some(interval)],
            holds: bloom.then(|| rows.iter().map(|f| ScalarValue::from(*f).to_string()).collect()),
        };
        match prune(&filter, &|id| schema().index_of(id), &group) {
            Verdict::Drop => prop_assert_eq!(passing, 0, "{} dropped {:?}", filter, rows),
            Verdict::AllPass => {
                prop_assert_eq!(passing, rows.len(), "{} passed {:?}", filter, rows);
            }
            Verdict::Maybe => {}
        }
    }
}
