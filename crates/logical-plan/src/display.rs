//! Plan text: one line a node, inputs below and to the right.

use std::collections::HashSet;
use std::fmt;

use esker_logical_expr::tree::TreeNode;

use crate::plan::LogicalPlan;

/// Deeper levels are not indented further: a plan of 10,000 levels must stay readable, and small.
const MAX_INDENT: usize = 100;

impl fmt::Display for LogicalPlan {
    /// Four spaces a level, each line with its end. What a shared relation is stands below the first
    /// place where it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stack = vec![(self, 0usize)];
        let mut shared = HashSet::new();
        while let Some((plan, depth)) = stack.pop() {
            write!(f, "{:width$}", "", width = 4 * depth.min(MAX_INDENT))?;
            plan.fmt_line(f)?;
            if let Self::Shared(node) = plan
                && !shared.insert(node.key())
            {
                f.write_str(", as above\n")?;
                continue;
            }
            f.write_str("\n")?;
            let at = stack.len();
            plan.for_each_child(&mut |child| stack.push((child, depth + 1)));
            if let Some(inputs) = stack.get_mut(at..) {
                inputs.reverse();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for LogicalPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
