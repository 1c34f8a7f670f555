//! Smaller cases that still fail: fewer steps, rows, columns, batches, simpler expressions.

use std::rc::Rc;

use crate::oracle::{Expr, Grouping, JoinKind, Layout, Plan, Table};
use crate::plans::Case;

/// How many cases are tried.
const TRIES: usize = 6_000;

/// A smaller case for which `fails` still holds.
pub(crate) fn shrink(case: Case, fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut case = case;
    let mut tries = 0;
    loop {
        let candidates = smaller_tables(&case).chain(smaller_cases(&case));
        let mut candidates = candidates.take(TRIES - tries);
        let found = candidates.find(|candidate| {
            tries += 1;
            fails(candidate)
        });
        drop(candidates);
        match found {
            Some(smaller) => case = smaller,
            None => return case,
        }
    }
}

fn smaller_cases(case: &Case) -> impl Iterator<Item = Case> + '_ {
    let plans = smaller_plans(&case.plan).into_iter();
    plans.map(|plan| Case {
        plan,
        tables: case.tables.clone(),
    })
}

/// The plan without a step, or with a simpler one.
fn smaller_plans(plan: &Rc<Plan>) -> Vec<Rc<Plan>> {
    let inputs = plan.inputs();
    let mut smaller: Vec<Rc<Plan>> = inputs.iter().map(|input| Rc::clone(input)).collect();
    for (at, input) in inputs.iter().enumerate() {
        let below = smaller_plans(input).into_iter();
        smaller.extend(below.map(|input| Rc::new(plan.with_input(at, input))));
    }
    smaller.extend(simpler_steps(plan).into_iter().map(Rc::new));
    smaller
}

/// The step with less of it.
fn simpler_steps(plan: &Plan) -> Vec<Plan> {
    match plan {
        Plan::Scan(_) | Plan::Cross(..) | Plan::Broadcast(..) | Plan::Union(..) => Vec::new(),
        Plan::Filter(input, predicate) => {
            let simpler = smaller_exprs(predicate).into_iter();
            simpler.map(|p| Plan::Filter(Rc::clone(input), p)).collect()
        }
        Plan::Select(input, exprs) => {
            let lists = smaller_lists(exprs).into_iter();
            lists.map(|l| Plan::Select(Rc::clone(input), l)).collect()
        }
        Plan::WithColumn(input, name, expr) => {
            let simpler = smaller_exprs(expr).into_iter();
            let step = |expr| Plan::WithColumn(Rc::clone(input), name.clone(), expr);
            simpler.map(step).collect()
        }
        Plan::Slice(input, offset, rows) => {
            let mut simpler = Vec::new();
            if *offset > 0 {
                simpler.push(Plan::Slice(Rc::clone(input), offset / 2, *rows));
            }
            if let Some(rows) = rows.filter(|&rows| rows > 0) {
                simpler.push(Plan::Slice(Rc::clone(input), *offset, Some(rows / 2)));
                simpler.push(Plan::Slice(Rc::clone(input), *offset, Some(rows - 1)));
            }
            simpler
        }
        Plan::Sort(input, keys, fetch) => {
            let step = |keys, fetch| Plan::Sort(Rc::clone(input), keys, fetch);
            let mut simpler = Vec::new();
            if fetch.is_some() {
                simpler.push(step(keys.clone(), None));
            }
            for at in 0..keys.len() {
                if keys.len() > 1 {
                    simpler.push(step(without(keys, at), *fetch));
                }
                for expr in smaller_exprs(&keys[at].expr) {
                    let mut keys = keys.clone();
                    keys[at].expr = expr;
                    simpler.push(step(keys, *fetch));
                }
                if keys[at].descending || keys[at].nulls_first {
                    let mut keys = keys.clone();
                    keys[at].descending = false;
                    keys[at].nulls_first = false;
                    simpler.push(step(keys, *fetch));
                }
            }
            simpler
        }
        Plan::Distinct(input, on, options) => {
            let step = |on, options| Plan::Distinct(Rc::clone(input), on, options);
            let mut simpler = Vec::new();
            for fewer in fewer_options(*options) {
                simpler.push(step(on.clone(), fewer));
            }
            for at in 0..on.as_ref().map_or(0, Vec::len) {
                let fewer = on.as_ref().map(|on| without(on, at));
                simpler.extend(
                    fewer
                        .filter(|on| !on.is_empty())
                        .map(|on| step(Some(on), *options)),
                );
            }
            simpler
        }
        Plan::Aggregate(input, keys, aggs, options) => {
            let step = |keys, aggs, options| Plan::Aggregate(Rc::clone(input), keys, aggs, options);
            let mut simpler = Vec::new();
            for fewer in fewer_options(*options) {
                simpler.push(step(keys.clone(), aggs.clone(), fewer));
            }
            for fewer in smaller_lists(keys) {
                simpler.push(step(fewer, aggs.clone(), *options));
            }
            for fewer in smaller_lists(aggs) {
                simpler.push(step(keys.clone(), fewer, *options));
            }
            simpler
        }
        Plan::Join(left, right, options) => {
            let step = |change: &dyn Fn(&mut crate::oracle::Join)| {
                let mut options = options.clone();
                change(&mut options);
                Plan::Join(Rc::clone(left), Rc::clone(right), options)
            };
            let mut simpler = Vec::new();
            for at in 0..options.on.len() {
                simpler.push(step(&|join| drop(join.on.remove(at))));
                for key in smaller_exprs(&options.on[at].0) {
                    simpler.push(step(&|join| join.on[at].0 = key.clone()));
                }
                for key in smaller_exprs(&options.on[at].1) {
                    simpler.push(step(&|join| join.on[at].1 = key.clone()));
                }
            }
            if let Some(filter) = &options.filter {
                simpler.push(step(&|join| join.filter = None));
                for filter in smaller_exprs(filter) {
                    simpler.push(step(&|join| join.filter = Some(filter.clone())));
                }
            }
            if options.maintain_order {
                simpler.push(step(&|join| join.maintain_order = false));
            }
            if options.sorted {
                simpler.push(step(&|join| join.sorted = false));
            }
            if options.nulls_equal {
                simpler.push(step(&|join| join.nulls_equal = false));
            }
            if !options.coalesce {
                simpler.push(step(&|join| join.coalesce = true));
            }
            if !matches!(options.kind, JoinKind::Inner) {
                simpler.push(step(&|join| join.kind = JoinKind::Inner));
            }
            simpler
        }
    }
}

fn fewer_options(options: Grouping) -> Vec<Grouping> {
    let mut fewer = Vec::new();
    if options.maintain_order {
        fewer.push(Grouping {
            maintain_order: false,
            ..options
        });
    }
    if options.sorted {
        fewer.push(Grouping {
            sorted: false,
            ..options
        });
    }
    fewer
}

fn without<T: Clone>(items: &[T], at: usize) -> Vec<T> {
    let mut items = items.to_vec();
    items.remove(at);
    items
}

/// The named expressions without one, or with a simpler one.
fn smaller_lists(list: &[(String, Expr)]) -> Vec<Vec<(String, Expr)>> {
    let mut smaller: Vec<_> = (0..list.len()).map(|at| without(list, at)).collect();
    for at in 0..list.len() {
        for expr in smaller_exprs(&list[at].1) {
            let mut list = list.to_vec();
            list[at].1 = expr;
            smaller.push(list);
        }
    }
    smaller
}

/// Parts of the expression, and the expression with smaller parts.
fn smaller_exprs(expr: &Expr) -> Vec<Expr> {
    let children = expr.children();
    let mut smaller: Vec<Expr> = children.iter().map(|&child| child.clone()).collect();
    match expr {
        Expr::In(arg, list, negated) if list.len() > 1 => {
            let fewer = (0..list.len()).map(|at| without(list, at));
            smaller.extend(fewer.map(|list| Expr::In(arg.clone(), list, *negated)));
        }
        Expr::Case(branches, otherwise) if branches.len() > 1 => {
            let fewer = (0..branches.len()).map(|at| without(branches, at));
            smaller.extend(fewer.map(|branches| Expr::Case(branches, otherwise.clone())));
        }
        Expr::Coalesce(list) if list.len() > 1 => {
            let fewer = (0..list.len()).map(|at| without(list, at));
            smaller.extend(fewer.map(Expr::Coalesce));
        }
        _ => {}
    }
    for (at, child) in children.iter().enumerate() {
        let below = smaller_exprs(child).into_iter();
        smaller.extend(below.map(|child| expr.with_child(at, child)));
    }
    smaller
}

/// The case with less in one of its tables.
fn smaller_tables(case: &Case) -> impl Iterator<Item = Case> + '_ {
    let all = case.tables.iter().enumerate();
    all.flat_map(move |(at, table)| {
        smaller_table(table).into_iter().map(move |table| {
            let mut tables = case.tables.clone();
            tables[at] = table;
            Case {
                tables,
                plan: Rc::clone(&case.plan),
            }
        })
    })
}

fn smaller_table(table: &Table) -> Vec<Table> {
    let mut smaller = Vec::new();
    let rows: Vec<_> = table.rows().cloned().collect();
    if table.batches.len() > 1 {
        let batches = vec![rows.clone()];
        smaller.push(Table {
            batches,
            ..table.clone()
        });
    }
    let mut size = rows.len();
    while size > 0 {
        for start in (0..rows.len()).step_by(size) {
            let gone = start..(start + size).min(rows.len());
            smaller.push(without_rows(table, gone));
        }
        size /= 2;
    }
    for at in 0..table.columns.len() {
        let mut fewer = table.clone();
        fewer.columns.remove(at);
        for row in fewer.batches.iter_mut().flatten() {
            row.remove(at);
        }
        smaller.push(fewer);
        if table.columns[at].layout != Layout::Utf8View {
            let mut plain = table.clone();
            plain.columns[at].layout = Layout::Utf8View;
            smaller.push(plain);
        }
    }
    smaller
}

/// The table without some of its rows, and without batches that have none.
fn without_rows(table: &Table, gone: std::ops::Range<usize>) -> Table {
    let mut table = table.clone();
    let mut at = 0;
    for batch in &mut table.batches {
        batch.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
    }
    table.batches.retain(|batch| !batch.is_empty());
    table
}
