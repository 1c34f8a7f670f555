//! Random plans: the rules keep them well-formed, and come to rest.

use esker_logical_expr::test_util::{fail_on, total};
use esker_logical_expr::{Expr, col};
use esker_logical_plan::{Aggregate, JoinType, LogicalPlan, check_invariants, check_same_schema};
use proptest::prelude::*;

use crate::test_util::{
    aggregate, distinct, filter, join, limit, project, random, scan_of_rows, side_of_rows, skip,
    sort, union, unnest_of, with_lists,
};
use crate::{Analyzer, Optimizer};

/// What comes next on top of a plan, and which columns it is about.
type Step = (u8, usize, usize, u8);

const TYPES: [JoinType; 6] = [
    JoinType::Inner,
    JoinType::Left,
    JoinType::Right,
    JoinType::Full,
    JoinType::Semi,
    JoinType::Anti,
];

/// The plan with one more node; all columns are `Int64`.
fn grow(plan: LogicalPlan, at: usize, (kind, x, y, more): Step) -> LogicalPlan {
    let fields = plan.schema().fields();
    let name = |i: usize| fields[i % fields.len()].name().to_string();
    let (x, y) = (name(x), name(y));
    let (c, d) = (|| col(&*x), || col(&*y));
    let fresh = format!("c{at}");
    let flag = |bit: u8| more & bit != 0;
    match kind % 16 {
        0 => filter(plan, c().gt(1)),
        1 => filter(plan, c().eq(d()).and(d().lt(9)).or(c().is_null())),
        2 => filter(plan, fail_on(c(), 3).gt(0).and(d().gt(1))),
        3 => filter(plan, random().gt(0.5).and(c().lt(d()))),
        4 => project(plan, [d().alias(format!("{fresh}d")), c().alias(fresh)]),
        5 => project(plan, [(c() + d()).alias(fresh), c()]),
        6 => sort(plan, [c().asc(), d().desc()]),
        7 => limit(u64::from(more & 1), u64::from(more >> 1), plan),
        8 => skip(1, plan),
        9 => match flag(1) {
            true => distinct(plan, &[]),
            false => distinct(plan, &[&*x]),
        },
        10 => {
            let keys = [c().alias(format!("{fresh}k"))];
            let node = Aggregate::try_new(keys, [total(d()).alias(fresh)], plan).unwrap();
            let node = node.with_maintain_order(flag(1)).with_sorted(flag(2));
            LogicalPlan::Aggregate(node)
        }
        11 => {
            let sums = [
                total(c()).alias(format!("{fresh}c")),
                total(d()).alias(fresh),
            ];
            aggregate(plan, [c()], sums)
        }
        12 => {
            let prefix = format!("t{at}");
            let right = side_of_rows(&prefix, 10);
            let columns = ["a", "b"].map(|name| col(format!("{prefix}{name}")));
            let [a, b] = columns.clone();
            let of_right = match more % 3 {
                0 => a.clone().neq(7),
                1 => a.clone().gt(7),
                _ => a.clone().is_in([1i64, 2, 3]).and(b.clone().lt(5)),
            };
            let right = filter(project(right, columns), of_right);
            let on = format!("{prefix}a");
            let pair = [(&*x, &*on)];
            let on: &[_] = if flag(1) { &pair } else { &[] };
            let condition: Option<Expr> = flag(2).then(|| b.eq(d()).and(a.gt(c())).and(d().gt(2)));
            let node = join(
                plan,
                right,
                TYPES[usize::from(more >> 2) % 6],
                on,
                condition,
            )
            .with_nulls_equal(flag(32))
            .with_maintain_order(flag(64))
            .with_single(flag(128) && flag(1) && flag(4));
            LogicalPlan::Join(node)
        }
        13 => {
            let branch = |least: i64| c().gt(least).and(d().lt(least + 5)).and(c().neq(d()));
            filter(plan, branch(1).or(branch(4)))
        }
        14 => {
            let (number, list) = (format!("{fresh}n"), format!("{fresh}l"));
            let columns = [col("a").alias(&*number), col("l").alias(&*list)];
            let right = project(with_lists(), columns);
            let pairs = join(plan, right, JoinType::Left, &[(&*x, &*number)], None);
            unnest_of(LogicalPlan::Join(pairs), &[&*list])
        }
        _ => union([plan.clone(), plan]),
    }
}

fn plans() -> impl Strategy<Value = LogicalPlan> {
    let step = (any::<u8>(), 0usize..4, 0usize..4, any::<u8>());
    prop::collection::vec(step, 1..10).prop_map(|steps| {
        let scan = project(scan_of_rows("t", 1000), [col("a"), col("b"), col("k")]);
        let steps = steps.into_iter().enumerate();
        steps.fold(scan, |plan, (at, step)| grow(plan, at, step))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn rules_keep_plans_well_formed_and_come_to_rest(plan in plans(), off in 0usize..20) {
        let plan = Analyzer::analyze(plan).unwrap();
        let mut optimizer = Optimizer::new().with_max_passes(30);
        if let Some(rule) = optimizer.rule_names().get(off).copied() {
            optimizer.without(rule).unwrap();
        }
        // It checks itself after each rule.
        let optimized = optimizer.optimize(plan.clone()).unwrap();
        check_invariants(&optimized).unwrap();
        check_same_schema(plan.schema(), optimized.schema()).unwrap();
        let mut changed = None;
        let mut observer = |rule, _: &LogicalPlan| changed = Some(rule);
        optimizer.optimize_traced(optimized.clone(), &mut observer).unwrap();
        prop_assert!(changed.is_none(), "{changed:?} has no rest:\n{plan}\n{optimized}");
    }
}
