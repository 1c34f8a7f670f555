//! What a compiler knows of each node: its type, its cost and whether it can fail.

use std::collections::HashMap;

use esker_datatypes::{DataType, Result, Schema, common_type, value_type};
use esker_logical_expr::tree::TreeNode;
use esker_logical_expr::{
    AggregateCall, Binary, BinaryOp, Cast, CastMode, Expr, FunctionCall, InList, Unary, UnaryOp,
    visit_types,
};

/// What is known of an expression and everything below it.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The type of its values.
    pub(super) data_type: DataType,
    /// Whether it can fail on a value.
    pub(super) fallible: bool,
    /// The cost of a row, in units of a comparison of two integers.
    pub(super) cost: f64,
    /// Whether computing it for all rows costs less than finding out for which it must be: a few
    /// infallible kernels over values of a fixed width.
    pub(super) cheap: bool,
}

/// An infallible expression of at most this cost over values of a fixed width is cheap.
const CHEAP: f64 = 8.0;

/// The facts of all nodes of some trees.
#[derive(Debug, Default)]
pub(super) struct FactMap {
    /// By address: the trees are borrowed for as long as the map is in use.
    nodes: HashMap<*const Expr, Facts>,
}

impl FactMap {
    /// Learns an expression: one pass, bottom up.
    pub(super) fn learn(&mut self, expr: &Expr, input: &Schema) -> Result<()> {
        visit_types(expr, input, |node, node_type| {
            let facts = self.node(node, &node_type.data_type);
            self.nodes.insert(std::ptr::from_ref(node), facts);
        })
    }

    /// What is known of a node of an expression that was learnt.
    pub(super) fn of(&self, node: &Expr) -> Option<&Facts> {
        self.nodes.get(&std::ptr::from_ref(node))
    }

    fn node(&self, node: &Expr, data_type: &DataType) -> Facts {
        let own = own_cost(node);
        let fixed = matches!(value_type(data_type), DataType::Boolean | DataType::Null)
            || value_type(data_type).primitive_width().is_some();
        let mut facts = Facts {
            data_type: data_type.clone(),
            fallible: false,
            cost: own,
            cheap: fixed && !matches!(node, Expr::Case(_)),
        };
        let mut operand = None;
        node.for_each_child(&mut |child| {
            let Some(child) = self.of(child) else { return };
            facts.fallible |= child.fallible;
            facts.cost += child.cost;
            facts.cheap &= child.cheap;
            operand.get_or_insert(&child.data_type);
        });
        facts.fallible |= fails(node, data_type, operand);
        facts.cheap &= !facts.fallible && facts.cost <= CHEAP;
        facts
    }
}

/// Whether a node can fail on operands that did not.
fn fails(node: &Expr, out: &DataType, operand: Option<&DataType>) -> bool {
    match node {
        Expr::Binary(Binary { op, .. }) => match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => !out.is_floating(),
            // The quotient is a float; a remainder is smaller than both operands, but a decimal
            // may have to be rescaled.
            BinaryOp::Div | BinaryOp::Rem => !out.is_floating() && !out.is_integer(),
            BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::Lt
            | BinaryOp::LtEq
            | BinaryOp::Gt
            | BinaryOp::GtEq
            | BinaryOp::And
            | BinaryOp::Or => false,
        },
        Expr::Unary(Unary { op, .. }) => *op == UnaryOp::Negate && !out.is_floating(),
        Expr::Cast(Cast { to, mode, .. }) => match mode {
            CastMode::Strict => !operand.is_some_and(|from| widens(from, to)),
            CastMode::Try => false,
        },
        Expr::Function(FunctionCall { function, .. }) => function.properties().fallible,
        Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Alias(_)
        | Expr::Case(_)
        | Expr::InList(_)
        | Expr::Between(_) => false,
        Expr::Aggregate(_) => true,
    }
}

/// Whether every number of one type has a place in the other.
fn widens(from: &DataType, to: &DataType) -> bool {
    let (from, to) = (value_type(from), value_type(to));
    let number = |t: &DataType| t.is_integer() || t.is_floating();
    // The lattice puts `UInt64` beside a signed integer into a checked `Int64`.
    let checked = *from == DataType::UInt64 && to.is_signed_integer();
    from == to
        || (number(from) && number(to) && !checked && common_type(from, to).as_ref() == Some(to))
}

/// The cost of a node without its children.
fn own_cost(node: &Expr) -> f64 {
    match node {
        Expr::Column(_) | Expr::Literal(_) | Expr::Alias(_) => 0.0,
        Expr::Binary(Binary { op, .. }) => match op {
            BinaryOp::Div | BinaryOp::Rem => 4.0,
            BinaryOp::And | BinaryOp::Or => 0.1,
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::Lt
            | BinaryOp::LtEq
            | BinaryOp::Gt
            | BinaryOp::GtEq => 1.0,
        },
        Expr::Unary(_) => 0.5,
        Expr::Cast(Cast { to, .. }) => {
            if value_type(to).primitive_width().is_some() {
                4.0
            } else {
                30.0
            }
        }
        Expr::Case(case) => 2.0 * case.branches.len() as f64,
        Expr::InList(InList { list, .. }) => 4.0_f64.min(1.0 + list.len() as f64),
        Expr::Between(_) => 2.0,
        Expr::Function(FunctionCall { function, .. }) => function.properties().cost,
        Expr::Aggregate(AggregateCall { .. }) => 0.0,
    }
}
