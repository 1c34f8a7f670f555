//! The optimizer as a whole: order, switches, blame, depth, and the cases of KQuery.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use esker_datatypes::{DataType, Field, Result, Schema};
use esker_logical_expr::test_util::{kinds, total};
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{Expr, col, lit};
use esker_logical_plan::{
    Extension, ExtensionNode, FilterPushdown, JoinType, LogicalPlan, Origin, Projection,
    check_invariants,
};

use crate::rules::DropNoops;
use crate::test_util::{
    aggregate, distinct, filter, join, limit, project, scan, scan_of, scan_of_rows, scan_with,
    side, side_of_rows, sort, union,
};
use crate::{Analyzer, Optimizer, OptimizerRule, Turn};

fn analyzed(plan: LogicalPlan) -> LogicalPlan {
    Analyzer::analyze(plan).unwrap()
}

/// The text of the optimized plan, which is optimal and well-formed.
pub(crate) fn check(plan: LogicalPlan) -> String {
    let optimizer = Optimizer::new();
    let optimized = optimizer.optimize(analyzed(plan)).unwrap();
    check_invariants(&optimized).unwrap();
    optimizer
        .optimize_traced(optimized.clone(), &mut |rule, plan| {
            panic!("{rule} again:\n{plan}")
        })
        .unwrap();
    optimized.to_string()
}

fn employee() -> LogicalPlan {
    let text = |name| Field::new(name, DataType::Utf8View, true);
    let number = |name| Field::new(name, DataType::Int64, true);
    let schema = Schema::new(vec![
        number("id"),
        text("first_name"),
        text("last_name"),
        text("state"),
        text("job_title"),
        number("salary"),
    ]);
    scan_of("employee", schema, |_| FilterPushdown::Unsupported)
}

fn names() -> [Expr; 3] {
    ["id", "first_name", "last_name"].map(col)
}

#[test]
fn kquery_1_and_2() {
    let plan = project(filter(employee(), col("state").eq("CO")), names());
    insta::assert_snapshot!(plan, @r"
    Projection: #id, #first_name, #last_name
        Filter: #state = 'CO'
            Scan: employee; projection=None
    ");
    insta::assert_snapshot!(check(plan), @r"
    Projection: #id, #first_name, #last_name
        Filter: #state = 'CO'
            Scan: employee; projection=[id, first_name, last_name, state]
    ");
}

#[test]
fn kquery_3() {
    let plan = project(employee(), names());
    insta::assert_snapshot!(check(plan), @"Scan: employee; projection=[id, first_name, last_name]");
}

#[test]
fn kquery_5() {
    let bonus = (col("salary") * 0.1).alias("bonus");
    let columns = names().into_iter().chain([col("salary"), bonus]);
    let inner = project(filter(employee(), col("state").eq("CO")), columns);
    let plan = filter(inner, col("bonus").gt(1000));
    insta::assert_snapshot!(plan, @r"
    Filter: #bonus > 1000
        Projection: #id, #first_name, #last_name, #salary, #salary * 0.1 as bonus
            Filter: #state = 'CO'
                Scan: employee; projection=None
    ");
    insta::assert_snapshot!(check(plan), @r"
    Projection: #id, #first_name, #last_name, #salary, CAST(#salary AS Float64) * 0.1 as bonus
        Filter: #state = 'CO' AND CAST(#salary AS Float64) * 0.1 > 1000.0
            Scan: employee; projection=[id, first_name, last_name, state, salary]
    ");
}

#[test]
fn kquery_17() {
    insta::assert_snapshot!(check(filter(employee(), col("state").eq("CO"))), @r"
    Filter: #state = 'CO'
        Scan: employee; projection=None
    ");
}

#[test]
fn kquery_31() {
    insta::assert_snapshot!(check(filter(scan("t"), col("d").gt(5i64))), @r"
    Filter: #d > 5
        Scan: t; projection=None
    ");
}

#[test]
fn unions_are_cast_to_their_common_types() {
    let ints = project(scan("ints"), [col("d"), col("a").alias("x")]);
    let floats = project(scan("floats"), [col("d"), col("f").alias("x")]);
    let plan = filter(union([ints, floats]), col("x").gt(1.5));
    insta::assert_snapshot!(analyzed(plan.clone()), @r"
    Filter: #x > 1.5
        Union
            Projection: #d, CAST(#x AS Float64)
                Projection: #d, #a as x
                    Scan: ints; projection=None
            Projection: #d, #f as x
                Scan: floats; projection=None
    ");
    insta::assert_snapshot!(check(plan), @r"
    Union
        Projection: #d, CAST(#a AS Float64) as x
            Filter: CAST(#a AS Float64) > 1.5
                Scan: ints; projection=[a, d]
        Projection: #d, #f as x
            Filter: #f > 1.5
                Scan: floats; projection=[d, f]
    ");
}

#[test]
fn everything_together() {
    let inner = scan_with("t", |_| FilterPushdown::Exact);
    let qualified = LogicalPlan::Projection(Projection::qualified("o", inner).unwrap());
    let named = project(qualified, [col("o.a"), (col("f") + 1).alias("g"), col("s")]);
    let plan = limit(
        0,
        10,
        project(filter(named, col("g").gt(1).and(lit(true))), [col("a")]),
    );
    insta::assert_snapshot!(check(plan), @r"
    Limit: 10
        Scan: t; projection=[a]; filters=[#f + 1.0 > 1.0]; limit=10
    ");
}

#[test]
fn each_rule_can_be_switched_off() {
    let plan = || {
        let inner = union([
            project(scan_of_rows("t", 1000), [col("a"), col("f")]),
            union([project(scan_of_rows("u", 1000), [col("a"), col("f")])]),
        ]);
        let named = project(inner, [col("a"), (col("f") + (lit(1.0) + 2.0)).alias("g")]);
        let named = project(named, [col("g"), col("a")]);
        let small = sort(side_of_rows("l", 10), [col("lb").asc()]);
        let joined = join(small, named, JoinType::Left, &[("la", "a")], None);
        let either = col("la")
            .lt(5)
            .and(col("g").lt(2))
            .or(col("la").lt(5).and(col("g").lt(3)));
        let both = col("lb").eq(1).and(col("g").gt(2)).or(col("lb").eq(2));
        let inner =
            |left, right, on| LogicalPlan::Join(join(left, right, JoinType::Inner, &[on], None));
        let few = filter(
            side_of_rows("n", 100),
            col("nb").eq(1).and(col("ns").eq("x")),
        );
        let joined = inner(
            LogicalPlan::Join(joined),
            side_of_rows("m", 100),
            ("lk", "mk"),
        );
        let joined = inner(joined, few, ("ma", "na"));
        let kept = filter(joined, col("g").gt(1).and(either).and(both));
        let many = side_of_rows("x", 100_000);
        let kept = LogicalPlan::Join(join(kept, many, JoinType::Semi, &[("lk", "xk")], None));
        let named = project(sort(kept, [col("g").asc()]), [col("g") * 2]);
        let grouped = aggregate(scan_of_rows("v", 9), [col("f").alias("g")], Vec::new());
        let (lines, orders) = (side_of_rows("p", 6000), side_of_rows("q", 1500));
        let lines = join(lines, orders, JoinType::Semi, &[("pa", "qa")], None);
        let wanted = col("rb").eq(1).and(col("rs").eq("x"));
        let wanted = filter(side_of_rows("r", 100), wanted);
        let delayed = inner(LogicalPlan::Join(lines), wanted, ("pb", "ra"));
        let delayed = project(delayed, [col("pf").alias("g")]);
        let counted = aggregate(scan("w"), [], [kinds(col("f")).alias("g")]);
        union([
            limit(0, 9, named),
            delayed,
            grouped.clone(),
            grouped,
            counted,
        ])
    };
    let all = check(plan());
    for rule in Optimizer::new().rule_names() {
        let mut optimizer = Optimizer::new();
        optimizer.without(rule).unwrap();
        assert!(!optimizer.rule_names().contains(&rule));
        let mut seen = Vec::new();
        let without = optimizer
            .optimize_traced(analyzed(plan()), &mut |name, _| seen.push(name))
            .unwrap();
        assert!(!seen.contains(&rule), "{rule}");
        assert_ne!(without.to_string(), all, "{rule}");
    }
    let error = Optimizer::new().without("x").unwrap_err().to_string();
    assert!(
        error.starts_with("there is no rule 'x': the rules are simplify_expressions, "),
        "{error}"
    );
}

/// Adds a projection, so often as it may.
#[derive(Debug)]
struct Wrap(&'static str, Turn, u64);

impl OptimizerRule for Wrap {
    fn name(&self) -> &'static str {
        self.0
    }

    fn turn(&self, _plan: &LogicalPlan) -> Turn {
        self.1
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let own = plan
            .to_string()
            .matches(&format!("Limit: {}\n", self.2))
            .count();
        match own < 2 {
            true => Ok(Transformed::yes(limit(0, self.2, plan))),
            false => Ok(Transformed::no(plan)),
        }
    }
}

#[test]
fn a_rule_whose_turn_comes_once_cuts_the_list() {
    let rules = [
        Wrap("first", Turn::EveryPass, 101),
        Wrap("once", Turn::Once, 102),
        Wrap("never", Turn::Never, 103),
        Wrap("last", Turn::EveryPass, 104),
    ];
    let rules = rules.map(|rule| Arc::new(rule) as Arc<dyn OptimizerRule>);
    let optimizer = Optimizer::with_rules(rules);
    let of = |optimizer: Optimizer| {
        let mut seen = Vec::new();
        optimizer
            .optimize_traced(scan("t"), &mut |name, _| seen.push(name))
            .unwrap();
        seen
    };
    assert_eq!(
        of(optimizer.clone()),
        ["first", "first", "once", "last", "last"]
    );
    assert!(of(optimizer.with_max_passes(0)).is_empty());
}

/// Counts how often it is asked, and changes the first so many plans.
#[derive(Debug)]
struct Counting {
    asked: Arc<AtomicUsize>,
    changes: usize,
}

impl OptimizerRule for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let before = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(Transformed {
            data: plan,
            changed: before < self.changes,
        })
    }
}

#[test]
fn no_rule_is_asked_twice_of_a_plan() {
    let asked = |changes: [usize; 3]| {
        let counts = changes.map(|_| Arc::new(AtomicUsize::new(0)));
        let rules = counts.iter().zip(changes).map(|(asked, changes)| {
            let asked = Arc::clone(asked);
            Arc::new(Counting { asked, changes }) as Arc<dyn OptimizerRule>
        });
        Optimizer::with_rules(rules).optimize(scan("t")).unwrap();
        counts.map(|count| count.load(Ordering::Relaxed))
    };
    assert_eq!(asked([0, 0, 0]), [1, 1, 1]);
    // Those behind the change have seen what came of it, those before it have not.
    assert_eq!(asked([0, 1, 0]), [2, 2, 1]);
    assert_eq!(asked([2, 0, 1]), [3, 2, 2]);
}

/// Somebody's own relation.
#[derive(Debug)]
struct Shuffle;

impl ExtensionNode for Shuffle {
    fn schema(&self, inputs: &[&Schema], _exprs: &[Expr]) -> Result<Schema> {
        Ok(inputs
            .iter()
            .flat_map(|input| input.fields().iter().cloned())
            .collect())
    }

    fn describe(&self, exprs: &[Expr]) -> String {
        format!("Shuffle: {exprs:?}")
    }
}

#[test]
fn rules_stop_at_an_extension_and_go_on_below() {
    let below = filter(
        project(scan("t"), [col("a"), col("d")]),
        col("a").gt(1).and(lit(true)),
    );
    let node = Extension::try_new(
        Arc::new(Shuffle),
        vec![col("d") + (lit(1) + 2)],
        vec![below],
    );
    let plan = project(
        filter(LogicalPlan::Extension(node.unwrap()), col("a").lt(9)),
        [col("a")],
    );
    insta::assert_snapshot!(check(limit(0, 5, plan)), @r"
    Projection: #a
        Limit: 5
            Filter: #a < Int64(9)
                Shuffle: [#d + 3]
                    Filter: #a > Int64(1)
                        Scan: t; projection=[a, d]
    ");
}

/// Forgets the last column.
#[derive(Debug)]
struct Forgetful;

impl OptimizerRule for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let columns: Vec<Expr> = plan.schema().fields().iter().map(Expr::column).collect();
        let fewer = columns.into_iter().rev().skip(1);
        Ok(Transformed::yes(LogicalPlan::Projection(
            Projection::try_new(fewer, plan)?,
        )))
    }
}

/// Puts a projection over all projections, again and again.
#[derive(Debug)]
struct Restless;

impl OptimizerRule for Restless {
    fn name(&self) -> &'static str {
        "restless"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let columns: Vec<Expr> = plan.schema().fields().iter().map(Expr::column).collect();
        Ok(Transformed::yes(project(plan, columns)))
    }
}

#[test]
fn a_rule_that_breaks_the_plan_is_named() {
    let optimizer = Optimizer::with_rules([
        Arc::new(DropNoops) as Arc<dyn OptimizerRule>,
        Arc::new(Forgetful),
    ]);
    let error = optimizer
        .optimize(analyzed(scan("t")))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the rule 'forgetful' broke the plan: the schema ("),
        "{error}"
    );
}

#[test]
fn the_passes_are_limited() {
    let optimizer = Optimizer::with_rules([Arc::new(Restless) as Arc<dyn OptimizerRule>]);
    for passes in [0, 1, 3] {
        let optimizer = optimizer.clone().with_max_passes(passes);
        let plan = optimizer.optimize(analyzed(scan("t"))).unwrap();
        assert_eq!(plan.to_string().lines().count(), passes + 1);
    }
}

#[test]
fn nodes_keep_their_origin() {
    let origin = |method| {
        Some(Origin {
            method,
            location: std::panic::Location::caller(),
        })
    };
    let inner = project(scan("t"), [col("a"), col("b")]).with_origin(origin("select"));
    let plan = limit(
        0,
        5,
        filter(inner, col("a").gt(1)).with_origin(origin("filter")),
    );
    let plan = project(plan.with_origin(origin("limit")), [col("a")]).with_origin(origin("last"));
    let optimized = Optimizer::new().optimize(analyzed(plan)).unwrap();
    let mut origins = Vec::new();
    let mut node = &optimized;
    loop {
        origins.push(node.origin().map_or("none", |origin| origin.method));
        match node.inputs().as_slice() {
            [input] => node = input,
            _ => break,
        }
    }
    insta::assert_snapshot!(optimized, @r"
    Limit: 5
        Filter: #a > Int64(1)
            Scan: t; projection=[a]
    ");
    assert_eq!(origins, ["limit", "filter", "none"]);
}

#[test]
fn nodes_of_joins_and_aggregations_keep_their_origin() {
    let origin = |method| {
        Some(Origin {
            method,
            location: std::panic::Location::caller(),
        })
    };
    let joined = join(
        side_of_rows("l", 10),
        side_of_rows("r", 100),
        JoinType::Full,
        &[],
        Some(col("la").eq(col("ra")).and(col("la").eq(col("ra")))),
    );
    let joined = LogicalPlan::Join(joined).with_origin(origin("join"));
    let wanted = filter(joined, col("lb").gt(1).and(col("rb").gt(1)));
    let wanted = wanted.with_origin(origin("filter"));
    let sums = [total(col("lb")).alias("t"), total(col("ld")).alias("u")];
    let groups = aggregate(wanted, [col("la")], sums).with_origin(origin("agg"));
    let kinds = distinct(groups, &["t"]).with_origin(origin("distinct"));
    let sorted = sort(kinds, [col("t").asc(), col("t").desc()]).with_origin(origin("sort"));
    let plan = limit(1, 5, sorted).with_origin(origin("limit"));
    let plan = project(plan, [col("t")]).with_origin(origin("select"));
    let optimized = Optimizer::new().optimize(analyzed(plan)).unwrap();
    insta::assert_snapshot!(optimized, @r"
    Limit: 5, offset=1
        Sort: #t ASC NULLS LAST; fetch=6
            Distinct: on=[#t]
                Projection: #t
                    Aggregate: groupExpr=[#la], aggregateExpr=[TOTAL(#lb) as t]
                        Projection: #la, #lb
                            Join: type=Inner, on=[(#la, #ra)]; build=left
                                Filter: #lb > Int64(1)
                                    Scan: l; projection=[la, lb]
                                Projection: #ra
                                    Filter: #rb > Int64(1)
                                        Scan: r; projection=[ra, rb]
    ");
    let mut origins = Vec::new();
    esker_logical_expr::tree::visit(&optimized, |node| {
        origins.push(node.origin().map_or("none", |origin| origin.method));
        esker_logical_expr::tree::Visit::Continue
    });
    insta::assert_snapshot!(origins.join(" "), @"limit sort distinct agg agg filter join filter none filter filter none");
}

#[test]
fn joins_of_joins() {
    // As TPC-H 3 is written with cross joins.
    let cross = |left, right| LogicalPlan::Join(join(left, right, JoinType::Inner, &[], None));
    let all = cross(
        cross(side_of_rows("c", 150), side_of_rows("o", 1500)),
        side_of_rows("l", 6000),
    );
    let wanted = Expr::all_of([
        col("cs").eq("BUILDING"),
        col("ck").eq(col("oa")),
        col("la").eq(col("ok")),
        col("od").lt(5),
        col("ld").gt(5),
    ]);
    let groups = aggregate(
        filter(all, wanted.unwrap()),
        [col("la"), col("od")],
        [total(col("lf")).alias("revenue")],
    );
    let plan = limit(
        0,
        10,
        sort(groups, [col("revenue").desc(), col("od").asc()]),
    );
    insta::assert_snapshot!(check(plan), @r"
    Sort: #revenue DESC NULLS LAST, #od ASC NULLS LAST; fetch=10
        Aggregate: groupExpr=[#la, #od], aggregateExpr=[TOTAL(#lf) as revenue]
            Projection: #od, #la, #lf
                Join: type=Inner, on=[(#ok, #la)]; build=left
                    Projection: #od, #ok
                        Join: type=Inner, on=[(#ck, #oa)]; build=left
                            Projection: #ck
                                Filter: #cs = 'BUILDING'
                                    Scan: c; projection=[cs, ck]
                            Filter: #od < 5
                                Scan: o; projection=[oa, od, ok]
                    Projection: #la, #lf
                        Filter: #ld > 5
                            Scan: l; projection=[la, ld, lf]
    ");
}

/// Runs on a stack as small as a thread may have.
fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test wants a thread with a small stack"
    )]
    let thread = std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(f)
        .unwrap();
    thread.join().unwrap();
}

const DEEP: usize = 10_000;

#[test]
fn deep_plans() {
    on_a_small_stack(|| {
        let mut plan = scan("t");
        for i in 0..DEEP / 4 {
            let larger = filter(plan, col("a").gt(i as i64));
            let next = project(larger, [(col("f") + 1).alias("f"), col("a")]);
            plan = limit(0, 1 << 40, project(next, [col("f"), col("a")]));
        }
        // Each pass carries a projection over one more filter: the number of passes ends it.
        let optimized = Optimizer::new().optimize(analyzed(plan)).unwrap();
        assert!(optimized.to_string().lines().count() < DEEP);
    });
}

#[test]
fn deep_chains_of_projections() {
    on_a_small_stack(|| {
        let mut plan = scan("t");
        for _ in 0..DEEP {
            plan = project(plan, [(col("f") + 1).alias("f"), col("a")]);
        }
        // The filter goes as far as it stays small, and one projection is left on each side.
        assert_eq!(check(filter(plan, col("f").gt(0))).lines().count(), 4);
        let mut plan = scan("t");
        for _ in 0..DEEP {
            plan = project(plan, [(col("f") + col("f")).alias("f")]);
        }
        assert_eq!(check(plan).lines().count(), DEEP + 1);
    });
}

#[test]
fn deep_filters_and_unions() {
    on_a_small_stack(|| {
        let mut plan = scan("t");
        for i in 0..DEEP {
            plan = filter(plan, col("a").neq(i as i64));
        }
        assert_eq!(check(plan).lines().count(), 2);
        let mut plan = scan("t");
        for _ in 0..1000 {
            plan = union([plan, scan("u")]);
        }
        assert_eq!(check(plan).lines().count(), 1002);
    });
}

#[test]
fn deep_joins_and_aggregations() {
    on_a_small_stack(|| {
        let mut plan = project(scan("t"), [col("a"), col("b")]);
        for _ in 0..DEEP / 20 {
            let right = project(side("r"), [col("ra")]);
            let joined = join(plan, right, JoinType::Semi, &[("a", "ra")], None);
            let sorted = sort(LogicalPlan::Join(joined), [col("b").asc()]);
            let groups = aggregate(
                filter(distinct(sorted, &[]), col("a").gt(1)),
                [col("a")],
                [total(col("b")).alias("b")],
            );
            plan = groups;
        }
        let optimized = Optimizer::new().optimize(analyzed(plan)).unwrap();
        check_invariants(&optimized).unwrap();
    });
}

#[test]
fn deep_expressions() {
    on_a_small_stack(|| {
        let sum = (0..100_000).fold(col("f"), |sum, _| sum + 1);
        let any = (0..100_000i64).fold(col("p"), |any, i| any.or(col("a").eq(i)));
        let not = (0..100_000).fold(col("p"), |not, _| not.not());
        let plan = project(filter(scan("t"), any.and(not)), [sum]);
        check(plan);
    });
}
