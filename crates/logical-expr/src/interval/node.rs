//! The bounds of a node from those of its children.

use esker_datatypes::{ColumnId, DataType, ScalarValue, Schema};
use esker_kernels::compare::CompareOp;

use super::{Interval, arith, cast};
use crate::expr::{Between, Binary, Cast, Expr, FunctionCall, InList, Unary};
use crate::function::Operand;
use crate::operator::{BinaryOp, UnaryOp};
use crate::tree::TreeNode;
use crate::typing::node_type;

/// What a node can be, and whether computing it can fail.
pub(super) struct Bounded {
    pub(super) interval: Interval,
    pub(super) may_fail: bool,
}

impl Bounded {
    pub(super) fn safe(interval: Interval) -> Self {
        Self {
            interval,
            may_fail: false,
        }
    }

    pub(super) fn fallible(interval: Interval) -> Self {
        Self {
            interval,
            may_fail: true,
        }
    }
}

/// What a node can be, and whether it (not its children) can fail.
pub(super) fn bounds(
    node: &Expr,
    children: &[Interval],
    column: &dyn Fn(ColumnId) -> Interval,
) -> Bounded {
    match (node, children) {
        (Expr::Column(reference), _) => {
            Bounded::safe(reference.id().map_or_else(Interval::anything, column))
        }
        (Expr::Literal(value), _) => Bounded::safe(Interval::constant(value)),
        (Expr::Alias(_), [child]) => Bounded::safe(child.clone()),
        (Expr::Binary(Binary { op, .. }), [left, right]) => {
            if let Some(op) = op.as_compare() {
                return compared(children, compare(op, left, right));
            }
            match op {
                BinaryOp::And => Bounded::safe(and(left, right)),
                BinaryOp::Or => Bounded::safe(or(left, right)),
                _ => computed(node, children, |out| arith::binary(*op, left, right, out)),
            }
        }
        (Expr::Unary(Unary { op, .. }), [child]) => {
            let (yes, no, null) = (
                child.may_be_true(),
                child.may_be_false(),
                child.may_be_null(),
            );
            Bounded::safe(match op {
                UnaryOp::Not => not(child),
                UnaryOp::IsNull => Interval::truth(null, child.not_only_null(), false),
                UnaryOp::IsNotNull => Interval::truth(child.not_only_null(), null, false),
                UnaryOp::IsTrue => Interval::truth(yes, no || null, false),
                UnaryOp::IsFalse => Interval::truth(no, yes || null, false),
                UnaryOp::IsNan => Interval::truth(child.may_be_nan(), child.may_be_value(), null),
                UnaryOp::Negate => {
                    return computed(node, children, |out| arith::negate(child, out));
                }
            })
        }
        (Expr::Cast(Cast { to, mode, .. }), [child]) => cast::cast(child, to, *mode),
        (Expr::InList(InList { negated, .. }), [value, list @ ..]) => {
            let none = Interval::truth(false, true, false);
            let found = list.iter().fold(none, |found, member| {
                or(&found, &compare(CompareOp::Eq, value, member))
            });
            compared(children, if *negated { not(&found) } else { found })
        }
        (Expr::Between(Between { negated, .. }), [value, low, high]) => {
            let above = compare(CompareOp::GtEq, value, low);
            let below = compare(CompareOp::LtEq, value, high);
            let within = and(&above, &below);
            compared(children, if *negated { not(&within) } else { within })
        }
        (Expr::Function(FunctionCall { function, .. }), _) => {
            let properties = function.properties();
            // A strict function gives null for a null argument and for nothing else.
            let null = !properties.strict || children.iter().any(Interval::may_be_null);
            let interval = typed(node, children)
                .map_or_else(Interval::anything, |typed| Interval::unknown(&typed.0));
            let interval = interval.with_null(null);
            let only_null = properties.strict && !children.iter().all(Interval::not_only_null);
            Bounded {
                interval: if only_null {
                    interval.only_null()
                } else {
                    interval
                },
                may_fail: properties.fallible,
            }
        }
        (Expr::Case(_), _) => {
            let interval = typed(node, children)
                .map_or_else(Interval::anything, |typed| Interval::unknown(&typed.0));
            Bounded::safe(interval)
        }
        (Expr::Aggregate(_), _) => Bounded::fallible(Interval::anything()),
        (
            Expr::Alias(_)
            | Expr::Binary(_)
            | Expr::Unary(_)
            | Expr::Cast(_)
            | Expr::InList(_)
            | Expr::Between(_),
            _,
        ) => Bounded::fallible(Interval::anything()),
    }
}

/// The type of a node, and whether its children have the types that it wants.
fn typed(node: &Expr, children: &[Interval]) -> Option<(DataType, bool)> {
    let mut literals: Vec<Option<&ScalarValue>> = Vec::with_capacity(children.len());
    node.for_each_child(&mut |child| literals.push(child.as_literal()));
    let operands: Vec<Operand> = children
        .iter()
        .zip(literals)
        .map(|(child, literal)| Operand {
            data_type: child.data_type.clone(),
            nullable: child.null,
            literal: literal.cloned(),
        })
        .collect();
    let typed = node_type(node, &operands, &Schema::default()).ok()?;
    let as_wanted = children.iter().map(|c| &c.data_type).eq(&typed.children);
    Some((typed.operand.data_type, as_wanted))
}

/// The bounds of arithmetic, which is known for operands of the types that it wants.
fn computed(
    node: &Expr,
    children: &[Interval],
    bounds: impl FnOnce(&DataType) -> Bounded,
) -> Bounded {
    match typed(node, children) {
        Some((out, true)) => bounds(&out),
        Some((out, false)) => Bounded::fallible(Interval::unknown(&out)),
        None => Bounded::fallible(Interval::anything()),
    }
}

/// The result of comparisons, which only those of nested values can fail.
fn compared(children: &[Interval], interval: Interval) -> Bounded {
    Bounded {
        interval,
        may_fail: children.iter().any(|c| c.data_type.is_nested()),
    }
}

fn compare(op: CompareOp, left: &Interval, right: &Interval) -> Interval {
    let null = left.may_be_null() || right.may_be_null();
    if !left.not_only_null() || !right.not_only_null() {
        return Interval::truth(false, false, null);
    }
    let (less, equal, greater) = if super::comparable(&left.data_type, &right.data_type) {
        (
            !left.low().at_least(&right.high()),
            !left.low().above(&right.high()) && !right.low().above(&left.high()),
            !right.low().at_least(&left.high()),
        )
    } else {
        (true, true, true)
    };
    let (yes, no) = match op {
        CompareOp::Eq => (equal, less || greater),
        CompareOp::NotEq => (less || greater, equal),
        CompareOp::Lt => (less, equal || greater),
        CompareOp::LtEq => (less || equal, greater),
        CompareOp::Gt => (greater, less || equal),
        CompareOp::GtEq => (greater || equal, less),
    };
    Interval::truth(yes, no, null)
}

fn not(child: &Interval) -> Interval {
    Interval::truth(
        child.may_be_false(),
        child.may_be_true(),
        child.may_be_null(),
    )
}

fn and(left: &Interval, right: &Interval) -> Interval {
    let not_false = |x: &Interval| x.may_be_true() || x.may_be_null();
    Interval::truth(
        left.may_be_true() && right.may_be_true(),
        left.may_be_false() || right.may_be_false(),
        (left.may_be_null() && not_false(right)) || (right.may_be_null() && not_false(left)),
    )
}

fn or(left: &Interval, right: &Interval) -> Interval {
    not(&and(&not(left), &not(right)))
}
