//! Evaluation: of one node from its operands, and of whole expressions without columns.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::{Array, ArrayRef};
use arrow::compute;
use esker_datatypes::{Buffers, Column, DataType, Error, Result, ScalarValue, Schema, Selection};
use esker_kernels::cast::cast;
use esker_kernels::compare::{CompareOp, compare};
use esker_kernels::in_list::InSet;
use esker_kernels::{arith, boolean};

use crate::expr::{
    AggregateCall, Alias, Between, Binary, Case, Cast, ColumnRef, Expr, FunctionCall, InList, Unary,
};
use crate::function::{Call, Operand, Volatility};
use crate::operator::{BinaryOp, UnaryOp};
use crate::tree::{self, TreeNode};
use crate::typing::{expr_type, node_type};

/// Computes one node from the columns of its operands: the one place where nodes meet kernels, for
/// constant folding and for execution.
///
/// The node is one that [`coerce`](crate::coerce) has seen; `operands` are the values of its
/// children in their order, `rows` long, and `out` is its type. The result has `rows` rows; what
/// stands in those that are not selected does not matter.
///
/// # Errors
/// `Evaluation` for a selected row that has no result; `Internal` for a node that this cannot
/// compute: a column, a literal, `CASE` (which must not compute the branches it does not take) or
/// an aggregate.
pub fn apply(
    node: &Expr,
    operands: &[Column],
    rows: usize,
    out: &DataType,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    node_column(node, operands, rows, out, selection, buffers).map_err(|e| e.in_expr(node))
}

fn node_column(
    node: &Expr,
    operands: &[Column],
    rows: usize,
    out: &DataType,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    match (node, operands) {
        (Expr::Alias(Alias { .. }), [column]) => Ok(column.clone()),
        (Expr::Binary(Binary { op, .. }), [left, right]) => {
            if let Some(op) = op.as_arith() {
                return arith::binary(op, left, right, out, selection, buffers);
            }
            if let Some(op) = op.as_compare() {
                return compare(op, left, right, selection, buffers);
            }
            match op {
                BinaryOp::And => boolean::and(left, right, selection, buffers),
                _ => boolean::or(left, right, selection, buffers),
            }
        }
        (Expr::Unary(Unary { op, .. }), [column]) => match op {
            UnaryOp::Not => boolean::not(column, selection, buffers),
            UnaryOp::Negate => arith::negate(column, selection, buffers),
            UnaryOp::IsNull => boolean::is_null(column, selection, buffers),
            UnaryOp::IsNotNull => boolean::is_not_null(column, selection, buffers),
            UnaryOp::IsTrue => boolean::is_true(column, selection, buffers),
            UnaryOp::IsFalse => boolean::is_false(column, selection, buffers),
            UnaryOp::IsNan => boolean::is_nan(column, selection, buffers),
        },
        (Expr::Cast(Cast { to, mode, .. }), [column]) => {
            cast(column, to, *mode, selection, buffers)
        }
        (Expr::InList(InList { negated, .. }), [column, list @ ..]) => {
            in_list(column, list, *negated, selection, buffers)
        }
        (Expr::Between(Between { negated, .. }), [column, low, high]) => {
            let above = compare(CompareOp::GtEq, column, low, selection, buffers)?;
            let below = compare(CompareOp::LtEq, column, high, selection, buffers)?;
            let within = boolean::and(&above, &below, selection, buffers)?;
            buffers.recycle_column(above);
            buffers.recycle_column(below);
            if *negated {
                boolean::not(&within, selection, buffers)
            } else {
                Ok(within)
            }
        }
        (Expr::Function(FunctionCall { function, .. }), args) => {
            let mut call = Call {
                rows,
                selection,
                return_type: out,
                buffers,
            };
            function.evaluate(args, &mut call)
        }
        (Expr::Column(_) | Expr::Literal(_) | Expr::Case(_) | Expr::Aggregate(_), _) => Err(
            Error::internal("this expression is not computed from its operands"),
        ),
        (
            Expr::Alias(_)
            | Expr::Binary(_)
            | Expr::Unary(_)
            | Expr::Cast(_)
            | Expr::InList(_)
            | Expr::Between(_),
            _,
        ) => Err(Error::internal(format!("{} operands", operands.len()))),
    }
}

/// The members of `IN` as a set to look values up in, when all are literals; make it once for many
/// batches.
///
/// # Errors
/// `Unsupported` for a type that cannot be hashed.
pub fn in_set(list: &InList) -> Result<Option<InSet>> {
    let members: Option<Vec<&ScalarValue>> = list.list.iter().map(|m| m.as_literal()).collect();
    match members {
        Some(members) if !members.is_empty() => Ok(Some(set_of(&members)?)),
        _ => Ok(None),
    }
}

fn set_of(members: &[&ScalarValue]) -> Result<InSet> {
    let arrays: Vec<&dyn Array> = members.iter().map(|m| m.as_array().as_ref()).collect();
    let values: ArrayRef = compute::concat(&arrays)?;
    InSet::try_new(&values)
}

/// S1: TRUE on a match, else null when the value or a member is null. That is the Kleene `OR` of
/// comparisons, and in it a list without members is FALSE.
fn in_list(
    column: &Column,
    list: &[Column],
    negated: bool,
    selection: &Selection,
    buffers: &mut Buffers,
) -> Result<Column> {
    let members: Option<Vec<&ScalarValue>> = list.iter().map(Column::as_constant).collect();
    let found = match members {
        Some(members) if members.is_empty() => {
            Column::constant(ScalarValue::from(false), column.len())
        }
        Some(members) => {
            return set_of(&members)?.evaluate(column, negated, selection, buffers);
        }
        None => {
            let mut found = Column::constant(ScalarValue::from(false), column.len());
            for member in list {
                let equal = compare(CompareOp::Eq, column, member, selection, buffers)?;
                let either = boolean::or(&found, &equal, selection, buffers)?;
                buffers.recycle_column(std::mem::replace(&mut found, either));
                buffers.recycle_column(equal);
            }
            found
        }
    };
    if negated {
        boolean::not(&found, selection, buffers)
    } else {
        Ok(found)
    }
}

/// Whether an expression has the same value for every row of every query: it uses no column, no
/// aggregate, and immutable functions only.
pub fn is_constant(expr: &Expr) -> bool {
    !tree::any(expr, |node| match node {
        Expr::Column(_) | Expr::Aggregate(_) => true,
        Expr::Function(call) => call.function.properties().volatility != Volatility::Immutable,
        Expr::Literal(_)
        | Expr::Alias(_)
        | Expr::Binary(_)
        | Expr::Unary(_)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::InList(_)
        | Expr::Between(_) => false,
    })
}

/// The value of a constant expression that [`coerce`](crate::coerce) has seen.
///
/// ```
/// use esker_datatypes::Schema;
/// use esker_logical_expr::{coerce, evaluate_constant, lit};
/// let expr = coerce(lit(1) + 2i64, &Schema::default())?.data;
/// assert_eq!(evaluate_constant(&expr)?.as_i128(), Some(3));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
///
/// # Errors
/// `Evaluation` when it has no value, of `CASE` only in the branch that is taken; `Internal` for an
/// expression that is not [constant](is_constant), and when a function panics.
pub fn evaluate_constant(expr: &Expr) -> Result<ScalarValue> {
    let evaluate = || {
        evaluate_row(expr, &Schema::default(), &|column| {
            Err(Error::internal(format!(
                "the column '{}' is no constant",
                column.name
            )))
        })
    };
    // Functions are anybody's code, and this runs in the middle of planning.
    catch_unwind(AssertUnwindSafe(evaluate))
        .unwrap_or_else(|_| Err(Error::internal("a panic in a function").in_expr(expr)))
}

/// What is left to do, the next step last.
enum Step<'a> {
    /// Compute this expression and push its value.
    Enter(&'a Expr),
    /// Compute a node from this many values.
    Apply(&'a Expr, usize),
    /// The condition of this branch is computed: take the branch or try the next one.
    Branch(&'a Case, usize),
}

/// The value of an expression for one row of this schema, whose values are given.
pub(crate) fn evaluate_row(
    expr: &Expr,
    schema: &Schema,
    column: &dyn Fn(&ColumnRef) -> Result<ScalarValue>,
) -> Result<ScalarValue> {
    let mut steps = vec![Step::Enter(expr)];
    let mut values: Vec<ScalarValue> = Vec::new();
    let mut buffers = Buffers::default();
    let mut types: Vec<Operand> = Vec::new();
    while let Some(step) = steps.pop() {
        match step {
            Step::Enter(Expr::Literal(value)) => values.push(value.clone()),
            Step::Enter(Expr::Column(reference)) => values.push(column(reference)?),
            Step::Enter(Expr::Aggregate(AggregateCall { function, .. })) => {
                let name = function.name();
                return Err(Error::internal(format!(
                    "the aggregate {name}() is no constant"
                )));
            }
            Step::Enter(Expr::Case(case)) => next_branch(case, 0, schema, &mut steps, &mut values)?,
            Step::Enter(node) => {
                let at = steps.len();
                steps.push(Step::Apply(node, 0));
                node.for_each_child(&mut |child| steps.push(Step::Enter(child)));
                let children = steps.len() - at - 1;
                if let Some([apply, rest @ ..]) = steps.get_mut(at..) {
                    *apply = Step::Apply(node, children);
                    rest.reverse();
                }
            }
            Step::Apply(node, children) => {
                let first = values.len().saturating_sub(children);
                types.clear();
                let operands: Vec<Column> = values
                    .drain(first..)
                    .map(|value| {
                        types.push(Operand {
                            data_type: value.data_type().clone(),
                            nullable: true,
                            literal: None,
                        });
                        Column::constant(value, 1)
                    })
                    .collect();
                let out = node_type(node, &types, schema)?.operand.data_type;
                let result = apply(node, &operands, 1, &out, &Selection::all(1), &mut buffers)?;
                values.push(result.value(0)?);
            }
            Step::Branch(case, branch) => {
                let taken = values.pop().and_then(|condition| condition.as_bool());
                match case.branches.get(branch) {
                    Some((_, value)) if taken == Some(true) => steps.push(Step::Enter(value)),
                    _ => next_branch(case, branch + 1, schema, &mut steps, &mut values)?,
                }
            }
        }
    }
    values
        .pop()
        .ok_or_else(|| Error::internal("an expression gave no value"))
}

/// Goes on with the condition of a branch, or with what stands behind the last one.
fn next_branch<'a>(
    case: &'a Case,
    branch: usize,
    schema: &Schema,
    steps: &mut Vec<Step<'a>>,
    values: &mut Vec<ScalarValue>,
) -> Result<()> {
    match (case.branches.get(branch), &case.otherwise) {
        (Some((condition, _)), _) => {
            steps.push(Step::Branch(case, branch));
            steps.push(Step::Enter(condition));
        }
        (None, Some(value)) => steps.push(Step::Enter(value)),
        (None, None) => {
            let Some((_, value)) = case.branches.first() else {
                return Err(Error::internal("CASE has no branches"));
            };
            let data_type = expr_type(value, schema)?.data_type;
            values.push(ScalarValue::null(&data_type));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
