//! Claims that an input is sorted, which are verified while running.

use std::sync::Arc;

use esker_datatypes::Result;
use esker_logical_expr::{Expr, SortKey};
use esker_logical_plan::{LogicalPlan, PlanNode};

use crate::explain::positional;
use crate::operators::{CheckSortedExec, SortSpec};
use crate::plan::{PhysicalPlan, Role};

/// The inputs of a node, those that it claims to be sorted behind a check; new nodes take the next
/// numbers.
pub(super) fn check_claims(
    node: &LogicalPlan,
    inputs: Vec<PhysicalPlan>,
    next_id: &mut u32,
) -> Result<Vec<PhysicalPlan>> {
    let mut claims = claims(node).into_iter();
    let check = |input| {
        let keys = claims.next().unwrap_or_default();
        if keys.is_empty() {
            return Ok(input);
        }
        let checked = check(input, &keys, *next_id)?;
        *next_id += 1;
        Ok(checked.with_origin(node.origin()))
    };
    inputs.into_iter().map(check).collect()
}

/// What each input of a node is claimed to be sorted by; nothing, where nothing is claimed.
fn claims(node: &LogicalPlan) -> Vec<Vec<Expr>> {
    match node {
        LogicalPlan::Aggregate(node) if node.sorted() => vec![node.keys().to_vec()],
        LogicalPlan::Distinct(node) if node.sorted() => vec![match node.on() {
            Some(on) => on.to_vec(),
            None => node.schema().fields().iter().map(Expr::column).collect(),
        }],
        LogicalPlan::Join(node) if node.sorted() => {
            let (left, right) = node.on().iter().cloned().unzip();
            vec![left, right]
        }
        LogicalPlan::Scan(_)
        | LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => Vec::new(),
    }
}

/// The input with a check that its rows ascend by these keys, nulls last; `id` is the number of the
/// new node.
fn check(input: PhysicalPlan, keys: &[Expr], id: u32) -> Result<PhysicalPlan> {
    let schema = Arc::clone(input.schema());
    let ascending: Vec<SortKey> = keys.iter().cloned().map(SortKey::ascending).collect();
    let spec = SortSpec::compile(&ascending, &schema)?;
    let list = |texts: Vec<String>| texts.join(", ");
    let names = list(keys.iter().map(Expr::to_string).collect());
    let positions = keys.iter().map(|key| positional(key, &schema).to_string());
    let details = list(positions.collect());
    let role = Role::Operator(Arc::new(CheckSortedExec::new(spec, names)));
    Ok(PhysicalPlan::new(
        id,
        "CheckSortedExec",
        details,
        role,
        [input],
        schema,
    ))
}

#[cfg(test)]
mod tests {
    use esker_datatypes::{DataType, Field, Schema};
    use esker_logical_expr::tree::TreeNode;
    use esker_logical_expr::{col, resolve};

    use super::*;

    #[test]
    fn the_check_stands_on_its_input() {
        let fields = ["a", "b"].map(|name| Field::new(name, DataType::Int64, true));
        let schema = Arc::new(fields.into_iter().collect::<Schema>());
        let input = |schema| {
            let leaf = PhysicalPlan::leaf();
            PhysicalPlan::new(1, "EmptyExec", "", leaf.role().clone(), [], schema)
        };
        let keys = ["b", "a"].map(|name| resolve(col(name), &schema).unwrap());
        let plan = check(input(schema), &keys, 2).unwrap();
        assert_eq!(plan.to_string(), "CheckSortedExec: #1, #0\n    EmptyExec\n");
        assert_eq!(plan.id(), 2);
    }
}
