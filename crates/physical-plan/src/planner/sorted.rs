//! Claims that an input is sorted, which are verified while running.

use std::sync::Arc;

use esker_datatypes::Result;
use esker_logical_expr::{Expr, SortKey};

use crate::explain::positional;
use crate::operators::{CheckSortedExec, SortSpec};
use crate::plan::{PhysicalPlan, Role};

/// The input with a check that its rows ascend by these keys, nulls last; `id` is the number of the
/// new node. No keys are no claim.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the nodes that take a hint are not planned yet")
)]
pub(super) fn check(input: PhysicalPlan, keys: &[Expr], id: u32) -> Result<PhysicalPlan> {
    if keys.is_empty() {
        return Ok(input);
    }
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
        let plan = check(input(Arc::clone(&schema)), &keys, 2).unwrap();
        assert_eq!(plan.to_string(), "CheckSortedExec: #1, #0\n    EmptyExec\n");
        assert_eq!(plan.id(), 2);
        let plan = check(input(schema), &[], 2).unwrap();
        assert_eq!(plan.to_string(), "EmptyExec\n");
    }
}
