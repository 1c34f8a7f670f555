//! A walk that carries something down the plan: pending filters, the columns wanted above.

use esker_datatypes::{Error, Result};
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{LogicalPlan, PlanChild};

/// Puts something over a rewritten node, or not.
pub(crate) type Above = Box<dyn FnOnce(LogicalPlan) -> Result<Transformed<LogicalPlan>>>;

/// What a visit made of a node.
pub(crate) struct Visited<S> {
    /// The node; its inputs are visited next.
    pub(crate) node: LogicalPlan,
    /// What is carried into each of its inputs, in order.
    pub(crate) inputs: Vec<S>,
    /// What happens to the node once its inputs are done.
    pub(crate) above: Option<Above>,
    /// Whether the node is another than before.
    pub(crate) changed: bool,
}

impl<S: Default> Visited<S> {
    /// The node as it was; nothing is carried below it.
    pub(crate) fn unchanged(node: LogicalPlan) -> Self {
        let inputs = node.inputs().iter().map(|_| S::default()).collect();
        Self {
            node,
            inputs,
            above: None,
            changed: false,
        }
    }
}

/// A node that waits for its inputs.
struct Frame<S> {
    node: LogicalPlan,
    above: Option<Above>,
    changed: bool,
    inputs_changed: bool,
    /// The inputs still to do, last first.
    todo: Vec<(PlanChild, S)>,
    done: Vec<PlanChild>,
}

/// Visits each node before its inputs, with what was carried to it. Inputs that did not change stay
/// shared.
///
/// # Errors
/// The first error of `visit`, or of what it put above.
pub(crate) fn descend<S>(
    root: LogicalPlan,
    state: S,
    mut visit: impl FnMut(LogicalPlan, S) -> Result<Visited<S>>,
) -> Result<Transformed<LogicalPlan>> {
    let mut open = |plan: LogicalPlan, state: S| -> Result<Frame<S>> {
        let Visited {
            node,
            inputs,
            above,
            changed,
        } = visit(plan, state)?;
        let children: Vec<PlanChild> = node.inputs().into_iter().cloned().collect();
        if children.len() != inputs.len() {
            return Err(Error::internal("a visit forgot an input"));
        }
        let done = Vec::with_capacity(children.len());
        let todo = children.into_iter().zip(inputs).rev().collect();
        Ok(Frame {
            node,
            above,
            changed,
            inputs_changed: false,
            todo,
            done,
        })
    };
    // The child being visited is kept beside its frame, to stay shared if nothing changes.
    let mut stack: Vec<(Frame<S>, Option<PlanChild>)> = vec![(open(root, state)?, None)];
    loop {
        let Some((frame, _)) = stack.last_mut() else {
            return Err(Error::internal("a walk lost its root"));
        };
        if let Some((child, state)) = frame.todo.pop() {
            let next = open(LogicalPlan::clone(&child), state)?;
            stack.push((next, Some(child)));
            continue;
        }
        let Some((frame, original)) = stack.pop() else {
            continue;
        };
        let Frame {
            node,
            above,
            changed,
            inputs_changed,
            done,
            ..
        } = frame;
        let node = if inputs_changed {
            node.with_inputs(done)?
        } else {
            node
        };
        let new = match above {
            Some(above) => above(node)?,
            None => Transformed::no(node),
        };
        let changed = changed || inputs_changed || new.changed;
        match stack.last_mut() {
            None => {
                return Ok(Transformed {
                    data: new.data,
                    changed,
                });
            }
            Some((parent, _)) => {
                parent.inputs_changed |= changed;
                parent.done.push(match original {
                    Some(original) if !changed => original,
                    _ => PlanChild::new(new.data),
                });
            }
        }
    }
}
