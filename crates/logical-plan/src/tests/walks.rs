//! Rewrites, identities, depth.

use std::collections::HashSet;
use std::panic::Location;

use esker_datatypes::{ColumnId, DataType, Error};
use esker_logical_expr::test_util::total;
use esker_logical_expr::tree::{self, Transformed, Visit};
use esker_logical_expr::{col, lit};

use super::{employee, sample, table};
use crate::{
    AggregateOptions, Filter, JoinOptions, JoinType, Limit, LogicalPlan, LogicalPlanBuilder,
    Origin, Scan, Union, check_invariants,
};

/// All columns of all nodes.
fn ids(plan: &LogicalPlan) -> HashSet<ColumnId> {
    let mut ids = HashSet::new();
    tree::visit(plan, |node| {
        ids.extend(
            node.schema()
                .fields()
                .iter()
                .map(esker_datatypes::Field::id),
        );
        Visit::Continue
    });
    ids
}

/// A plan with every node.
fn every_node() -> LogicalPlan {
    let LogicalPlan::Scan(scan) = employee().build() else {
        panic!("a scan")
    };
    let filter = esker_logical_expr::Expr::column(&scan.columns().fields()[4]).is_not_null();
    let scan = scan
        .with_filters(vec![filter])
        .with_projection(vec![0, 3])
        .unwrap();
    let plan = LogicalPlanBuilder::from_plan(LogicalPlan::Scan(scan))
        .filter(col("state").eq("CO"))
        .and_then(|plan| plan.project([col("id"), (col("id") + 1).alias("next")]))
        .and_then(|plan| plan.alias("e"))
        .map(|plan| plan.limit(0, Some(5)).build())
        .unwrap();
    let plan = sample(vec![col("e.next")], plan).unwrap();
    let mut options = JoinOptions::new(JoinType::Full);
    options.on = vec![(col("id"), col("id"))];
    options.filter = Some(col("next").lt(col("next_right")));
    let plan = LogicalPlanBuilder::from_plan(plan.clone())
        .join(plan, options)
        .and_then(|plan| plan.sort([(col("next") + 1).desc()]))
        .and_then(|plan| plan.distinct(Some(vec![col("next")])))
        .and_then(|plan| {
            let sum = total(col("next_right") + 1) + col("id");
            plan.aggregate([col("id")], [sum], AggregateOptions::default())
        })
        .unwrap()
        .build();
    LogicalPlan::Union(Union::try_new([plan.clone(), plan]).unwrap())
}

#[test]
fn fresh_ids_share_nothing_and_change_nothing_else() {
    let plan = every_node();
    check_invariants(&plan).unwrap();
    let fresh = plan.clone().with_fresh_ids().unwrap();
    check_invariants(&fresh).unwrap();
    assert_eq!(fresh.to_string(), plan.to_string());
    assert_eq!(fresh.schema().to_string(), plan.schema().to_string());
    assert_eq!(ids(&fresh).len(), ids(&plan).len());
    assert!(ids(&fresh).is_disjoint(&ids(&plan)));
    assert!(!fresh.shares_columns_with(&plan));
    assert!(plan.shares_columns_with(&plan));
}

#[test]
fn a_union_with_itself_has_columns_of_its_own() {
    let plan = employee().build();
    let union = Union::try_new([plan.clone(), plan.clone(), plan]).unwrap();
    let [a, b, c] = union.inputs() else {
        panic!("three inputs")
    };
    assert!(!a.shares_columns_with(b) && !b.shares_columns_with(c) && !a.shares_columns_with(c));
    let of_union = ids(&LogicalPlan::Union(union.clone()));
    assert_eq!(of_union.len(), 20);
}

/// Makes scans deliver their first column only.
fn narrow(plan: LogicalPlan) -> esker_datatypes::Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Scan(scan) if scan.projection().is_none() => Ok(Transformed::yes(
            LogicalPlan::Scan(scan.with_projection(vec![0])?),
        )),
        other => Ok(Transformed::no(other)),
    }
}

#[test]
fn schemas_follow_rewrites() {
    let plan = || {
        let plan = employee()
            .filter(col("id").gt(1))
            .unwrap()
            .limit(0, Some(3));
        plan.filter(col("id").lt(9)).unwrap().build()
    };
    for rewritten in [plan().transform_up(narrow), plan().transform_down(narrow)] {
        let Transformed { data, changed } = rewritten.unwrap();
        assert!(changed);
        let mut seen = 0;
        tree::visit(&data, |node| {
            assert_eq!(node.schema().to_string(), "id: Int64", "{node}");
            seen += 1;
            Visit::Continue
        });
        assert_eq!(seen, 4);
        check_invariants(&data).unwrap();
    }
}

#[test]
fn a_rewrite_of_nothing_keeps_sharing() {
    let plan = employee()
        .filter(col("id").gt(1))
        .unwrap()
        .limit(0, Some(3))
        .build();
    let before = plan.inputs()[0].clone();
    for walk in [LogicalPlan::transform_up, LogicalPlan::transform_down] {
        let same = walk(plan.clone(), |node| Ok(Transformed::no(node))).unwrap();
        assert!(!same.changed);
        assert!(same.data.inputs()[0].ptr_eq(&before));
    }
}

#[test]
fn a_rule_down_sees_what_it_made() {
    // Each filter becomes two, each limit of 3 one of 2: below it is rewritten in turn.
    let plan = employee().limit(0, Some(3)).limit(0, Some(3)).build();
    let mut seen = 0;
    let rewritten = plan.transform_down(|node| {
        seen += 1;
        match node {
            LogicalPlan::Limit(limit) if limit.fetch() == Some(3) => {
                let (input, _) = limit.into_input();
                let inner = Limit::new(0, Some(2), input.into_inner());
                Ok(Transformed::yes(LogicalPlan::Limit(inner)))
            }
            other => Ok(Transformed::no(other)),
        }
    });
    assert_eq!(seen, 3);
    assert_eq!(
        rewritten.unwrap().data.to_string(),
        "Limit: 2\n    Limit: 2\n        Scan: employee; projection=None\n"
    );
}

#[test]
fn errors_of_rules_come_through() {
    let fail = |_: LogicalPlan| Err(Error::internal("no"));
    assert!(
        employee()
            .limit(0, None)
            .build()
            .transform_up(fail)
            .is_err()
    );
    assert!(
        employee()
            .limit(0, None)
            .build()
            .transform_down(fail)
            .is_err()
    );
    let plan = employee().filter(col("id").gt(1)).unwrap().build();
    assert!(plan.map_exprs(|_| Err(Error::internal("no"))).is_err());
}

#[test]
fn expressions_of_a_node_are_rewritten() {
    let plan = employee()
        .project([col("id"), col("state")])
        .unwrap()
        .build();
    assert_eq!(plan.exprs().len(), 2);
    let same = plan.clone().map_exprs(|e| Ok(Transformed::no(e))).unwrap();
    assert!(!same.changed);
    let filter = employee().filter(col("id").gt(1)).unwrap().build();
    let changed = filter
        .map_exprs(|_| Ok(Transformed::yes(lit(true))))
        .unwrap();
    assert!(changed.changed);
    assert!(changed.data.to_string().starts_with("Filter: TRUE\n"));
}

#[test]
fn the_origin_stays_with_its_node() {
    let origin = Origin {
        method: "filter",
        location: Location::caller(),
    };
    let plan = employee()
        .filter(col("id").gt(1))
        .unwrap()
        .build()
        .with_origin(Some(origin));
    let plan = LogicalPlanBuilder::from_plan(plan).limit(0, None).build();
    let plan = plan
        .transform_down(narrow)
        .unwrap()
        .data
        .with_fresh_ids()
        .unwrap();
    assert!(plan.origin().is_none());
    let found = plan.inputs()[0].origin().unwrap();
    assert_eq!(found.method, "filter");
    let error = found.annotate(Error::evaluation("overflow")).to_string();
    assert!(
        error.starts_with("overflow (in filter() called at "),
        "{error}"
    );
}

const DEPTH: usize = 10_000;

/// Every walk over a plan of ten thousand levels.
fn deep() {
    let mut plan = table("t", &[("x", DataType::Int64)]);
    for i in 0..DEPTH {
        plan = match i % 3 {
            0 => LogicalPlan::Filter(Filter::try_new(col("x").gt(1), plan).unwrap()),
            1 => LogicalPlan::Limit(Limit::new(0, Some(i as u64), plan)),
            _ => LogicalPlanBuilder::from_plan(plan)
                .project([(col("x") + 1).alias("x")])
                .unwrap()
                .build(),
        };
    }
    assert_eq!(plan.to_string().lines().count(), DEPTH + 1);
    check_invariants(&plan).unwrap();
    let shared = plan.clone();
    let fresh = plan.with_fresh_ids().unwrap();
    assert!(!fresh.shares_columns_with(&shared));
    drop(shared);
    let rename = |plan| match plan {
        LogicalPlan::Scan(scan) => {
            let other = Scan::new("other", scan.source().clone());
            Ok(Transformed {
                changed: other.name() != scan.name(),
                data: LogicalPlan::Scan(scan),
            })
        }
        other => Ok(Transformed::no(other)),
    };
    let up = fresh.transform_up(rename).unwrap();
    assert!(up.changed);
    let down = up.data.transform_down(rename).unwrap();
    assert!(down.changed);
    let union = Union::try_new([down.data.clone(), down.data]).unwrap();
    assert_eq!(union.inputs().len(), 2);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the size of the stack is what is tested"
)]
fn plans_may_be_ten_thousand_deep() {
    let small = std::thread::Builder::new().stack_size(512 << 10);
    small.spawn(deep).unwrap().join().unwrap();
}
