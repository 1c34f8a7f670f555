//! The casts that typing asks for, written into the tree.

use esker_datatypes::{
    Buffers, Column, DataType, Result, ScalarValue, Schema, Selection, is_decimal, literal_as,
};
use esker_kernels::cast::{CastMode, cast};

use super::operand::plain_digits;
use super::{NodeType, node_type};
use crate::expr::{Cast, Expr};
use crate::function::Operand;
use crate::tree::{self, Child, Transformed, TreeNode};

/// The expression with the casts that typing asks for; those of literals are done on the spot.
///
/// # Errors
/// Those of [`expr_type`](super::expr_type), and `Evaluation` for a literal that does not fit.
pub fn coerce(expr: Expr, schema: &Schema) -> Result<Transformed<Expr>> {
    // Types are kept beside the rewritten children, so that each node is typed once.
    let mut types: Vec<Operand> = Vec::new();
    tree::transform_up(expr, |mut node| {
        let mut count = 0;
        node.for_each_child(&mut |_| count += 1);
        let children = types.split_off(types.len().saturating_sub(count));
        let NodeType {
            operand,
            children: wanted,
        } = node_type(&node, &children, schema)?;
        let mut changed = false;
        let mut error = None;
        let mut casts = children.iter().zip(&wanted);
        node.for_each_child_mut(&mut |child| {
            let Some((is, to)) = casts.next() else { return };
            if error.is_none() && &is.data_type != to {
                match cast_expr(child.clone(), to) {
                    Ok(cast) => {
                        *child = cast;
                        changed = true;
                    }
                    Err(e) => error = Some(e),
                }
            }
        });
        if let Some(error) = error {
            return Err(error.in_expr(&node));
        }
        types.push(operand);
        Ok(Transformed {
            data: node,
            changed,
        })
    })
}

/// A cast to this type: of a literal the literal itself, of anything else a strict `CAST`.
fn cast_expr(child: Child<Expr>, to: &DataType) -> Result<Child<Expr>> {
    if let Expr::Literal(value) = &*child {
        return Ok(Child::new(Expr::Literal(cast_literal(value, to)?)));
    }
    Ok(Child::new(Expr::Cast(Cast {
        expr: child,
        to: to.clone(),
        mode: CastMode::Strict,
    })))
}

/// A literal in another type, without loss where typing chose that type.
pub(crate) fn cast_literal(value: &ScalarValue, to: &DataType) -> Result<ScalarValue> {
    if let Some(exact) = literal_as(value, to) {
        return Ok(exact);
    }
    // A float beside a decimal means its shortest text.
    let digits = plain_digits(value).filter(|_| is_decimal(to));
    let value = digits.map_or_else(|| value.clone(), ScalarValue::from);
    let column = Column::constant(value, 1);
    let mut buffers = Buffers::default();
    cast(
        &column,
        to,
        CastMode::Strict,
        &Selection::all(1),
        &mut buffers,
    )?
    .value(0)
}
