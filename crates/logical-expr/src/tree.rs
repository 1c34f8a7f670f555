//! Trees that may be very deep: children, traversal and drop without recursion.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use esker_datatypes::Result;

/// A node of a tree whose children are [`Child`]ren: an expression or a plan.
///
/// A type says only what its children are; every walk over it is one of the functions here, on an
/// explicit stack, so that a tree may be nested 100,000 deep on a small thread.
pub trait TreeNode: Clone + Sized + 'static {
    /// Calls `f` for each child, in order.
    fn for_each_child<'a>(&'a self, f: &mut dyn FnMut(&'a Child<Self>));

    /// Calls `f` for each child, in order, to replace it.
    fn for_each_child_mut(&mut self, f: &mut dyn FnMut(&mut Child<Self>));

    /// A shared node without children, put in place of a child while a tree is taken apart.
    fn leaf() -> Arc<Self>;

    /// Whether there are no children.
    fn is_leaf(&self) -> bool {
        let mut leaf = true;
        self.for_each_child(&mut |_| leaf = false);
        leaf
    }
}

/// A shared child of a tree node.
///
/// It owns the iterative drop of what lies below it; the node types have none, so that they can be
/// taken apart by patterns.
pub struct Child<T: TreeNode>(Arc<T>);

impl<T: TreeNode> Child<T> {
    /// A child.
    pub fn new(node: T) -> Self {
        Self(Arc::new(node))
    }

    /// The node itself: moved out when nobody else holds it, else a (shallow) clone.
    pub fn into_inner(mut self) -> T {
        let arc = std::mem::replace(&mut self.0, T::leaf());
        Arc::unwrap_or_clone(arc)
    }

    /// Whether both are the very same node.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: TreeNode> Clone for Child<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: TreeNode> Deref for Child<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: TreeNode> From<T> for Child<T> {
    fn from(node: T) -> Self {
        Self::new(node)
    }
}

impl<T: TreeNode + fmt::Display> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl<T: TreeNode> Drop for Child<T> {
    fn drop(&mut self) {
        let mut stack: Vec<Arc<T>> = Vec::new();
        let detach = |node: &mut Arc<T>, stack: &mut Vec<Arc<T>>| {
            // Whoever else holds the node will drop it later.
            if let Some(node) = Arc::get_mut(node) {
                node.for_each_child_mut(&mut |child| {
                    if !child.is_leaf() {
                        stack.push(std::mem::replace(&mut child.0, T::leaf()));
                    }
                });
            }
        };
        detach(&mut self.0, &mut stack);
        while let Some(mut node) = stack.pop() {
            detach(&mut node, &mut stack);
        }
    }
}

/// What a rewrite did.
#[derive(Clone, Debug)]
pub struct Transformed<T> {
    /// The tree, rewritten or not.
    pub data: T,
    /// Whether it was rewritten.
    pub changed: bool,
}

impl<T> Transformed<T> {
    /// A tree that was rewritten.
    pub fn yes(data: T) -> Self {
        Self {
            data,
            changed: true,
        }
    }

    /// A tree as it was.
    pub fn no(data: T) -> Self {
        Self {
            data,
            changed: false,
        }
    }
}

/// What a visitor wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// The children, then the rest.
    Continue,
    /// Not the children, but the rest.
    Skip,
    /// Nothing more.
    Stop,
}

/// Visits each node before its children, left to right. Says whether the visitor stopped.
pub fn visit<'a, T: TreeNode>(root: &'a T, mut f: impl FnMut(&'a T) -> Visit) -> bool {
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        match f(node) {
            Visit::Stop => return true,
            Visit::Skip => {}
            Visit::Continue => {
                let at = stack.len();
                node.for_each_child(&mut |child| stack.push(child));
                if let Some(children) = stack.get_mut(at..) {
                    children.reverse();
                }
            }
        }
    }
    false
}

/// Whether `f` holds for a node of the tree.
pub fn any<T: TreeNode>(root: &T, mut f: impl FnMut(&T) -> bool) -> bool {
    visit(root, |node| {
        if f(node) {
            Visit::Stop
        } else {
            Visit::Continue
        }
    })
}

/// Computes a value for each node from those of its children, bottom up, and gives the root's.
///
/// # Errors
/// The first error of `f`.
pub fn fold<'a, T: TreeNode, R>(
    root: &'a T,
    mut f: impl FnMut(&'a T, &[R]) -> Result<R>,
) -> Result<R> {
    fold_stack(root, |node, values, first| {
        let value = f(node, values.get(first..).unwrap_or_default())?;
        values.truncate(first);
        Ok(value)
    })
}

/// Like [`fold`], but each node takes the values of its children, to build on them.
///
/// # Errors
/// The first error of `f`.
pub fn fold_into<'a, T: TreeNode, R>(
    root: &'a T,
    mut f: impl FnMut(&'a T, Vec<R>) -> Result<R>,
) -> Result<R> {
    fold_stack(root, |node, values, first| f(node, values.split_off(first)))
}

/// `f` takes the values from a position on, those of the node's children, off the stack.
fn fold_stack<'a, T: TreeNode, R>(
    root: &'a T,
    mut f: impl FnMut(&'a T, &mut Vec<R>, usize) -> Result<R>,
) -> Result<R> {
    enum Step<'a, T> {
        Enter(&'a T),
        Leave(&'a T, usize),
    }
    let mut steps = vec![Step::Enter(root)];
    let mut values: Vec<R> = Vec::new();
    while let Some(step) = steps.pop() {
        match step {
            Step::Enter(node) => {
                let at = steps.len();
                steps.push(Step::Leave(node, 0));
                node.for_each_child(&mut |child| steps.push(Step::Enter(child)));
                let children = steps.len() - at - 1;
                if let Some([leave, rest @ ..]) = steps.get_mut(at..) {
                    *leave = Step::Leave(node, children);
                    rest.reverse();
                }
            }
            Step::Leave(node, children) => {
                let first = values.len().saturating_sub(children);
                let value = f(node, &mut values, first)?;
                values.push(value);
            }
        }
    }
    values
        .pop()
        .ok_or_else(|| esker_datatypes::Error::internal("a fold gave no value"))
}

/// Rewrites each node after its children. Children that did not change stay shared.
///
/// # Errors
/// The first error of `f`.
pub fn transform_up<T: TreeNode>(
    root: T,
    f: impl FnMut(T) -> Result<Transformed<T>>,
) -> Result<Transformed<T>> {
    transform(root, |node| Ok(Transformed::no(node)), f)
}

/// Rewrites each node before its children (those of the rewritten node).
///
/// # Errors
/// The first error of `f`.
pub fn transform_down<T: TreeNode>(
    root: T,
    f: impl FnMut(T) -> Result<Transformed<T>>,
) -> Result<Transformed<T>> {
    transform(root, f, |node| Ok(Transformed::no(node)))
}

/// A node that waits for its children to be rewritten.
struct Frame<T: TreeNode> {
    node: T,
    changed: bool,
    /// The children still to do, last first.
    todo: Vec<Child<T>>,
    done: Vec<Child<T>>,
    /// The child being rewritten, kept to stay shared if nothing changes.
    current: Option<Child<T>>,
}

fn transform<T: TreeNode>(
    root: T,
    mut before: impl FnMut(T) -> Result<Transformed<T>>,
    mut after: impl FnMut(T) -> Result<Transformed<T>>,
) -> Result<Transformed<T>> {
    let mut open = |node: T| -> Result<Frame<T>> {
        let Transformed {
            data: mut node,
            changed,
        } = before(node)?;
        let mut todo = Vec::new();
        node.for_each_child_mut(&mut |child| {
            todo.push(std::mem::replace(child, Child(T::leaf())));
        });
        todo.reverse();
        Ok(Frame {
            node,
            changed,
            done: Vec::with_capacity(todo.len()),
            todo,
            current: None,
        })
    };
    let mut stack = vec![open(root)?];
    loop {
        let Some(frame) = stack.last_mut() else {
            return Err(esker_datatypes::Error::internal(
                "a transform lost its root",
            ));
        };
        if let Some(child) = frame.todo.pop() {
            let node = T::clone(&child);
            frame.current = Some(child);
            stack.push(open(node)?);
            continue;
        }
        let Some(Frame {
            mut node,
            changed,
            done,
            ..
        }) = stack.pop()
        else {
            continue;
        };
        let mut done = done.into_iter();
        node.for_each_child_mut(&mut |child| {
            if let Some(new) = done.next() {
                *child = new;
            }
        });
        let Transformed {
            data,
            changed: again,
        } = after(node)?;
        let changed = changed || again;
        match stack.last_mut() {
            None => return Ok(Transformed { data, changed }),
            Some(parent) => {
                let original = parent.current.take();
                parent.changed |= changed;
                parent.done.push(match original {
                    Some(original) if !changed => original,
                    _ => Child::new(data),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
