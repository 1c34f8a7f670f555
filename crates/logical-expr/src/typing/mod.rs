//! Typing: the type of an expression (S4, S5), in one place.

/// The casts that typing asks for.
mod coerce;
/// `CASE`, `IN` and `BETWEEN`.
mod conditional;
/// Operands: literals take the type of what stands beside them.
mod operand;
/// Operators.
mod operators;

use esker_datatypes::{DataType, Error, Field, Name, Result, ScalarValue, Schema};
use esker_kernels::cast::{CastMode, can_cast};

use crate::expr::{
    AggregateCall, Alias, Between, Binary, Cast, ColumnRef, Expr, FunctionCall, InList, Unary,
};
use crate::function::Operand;
use crate::tree;
use conditional::{between_type, case_type, in_list_type};
use operators::{binary_type, unary_type};

pub(crate) use coerce::cast_literal;
pub use coerce::coerce;
pub(crate) use operand::{common_operand_type, decimal_operand_types, silently_becomes};

/// The type of an expression's values, and whether they may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprType {
    /// The logical type.
    pub data_type: DataType,
    /// Whether a value may be null.
    pub nullable: bool,
}

/// The type of a node and those its children are cast to, in the order of the children.
#[derive(Clone, Debug)]
pub(crate) struct NodeType {
    pub(crate) operand: Operand,
    pub(crate) children: Vec<DataType>,
}

/// The type of an expression over columns of this schema.
///
/// # Errors
/// `ColumnNotFound`, `AmbiguousColumn`, `TypeMismatch`, `Unsupported`.
pub fn expr_type(expr: &Expr, schema: &Schema) -> Result<ExprType> {
    let operand = tree::fold(expr, |node, children: &[Operand]| {
        node_type(node, children, schema).map(|t| t.operand)
    })?;
    Ok(ExprType {
        data_type: operand.data_type,
        nullable: operand.nullable,
    })
}

/// Calls `f` for each node of an expression with its type, children before their parent. A compiler
/// learns all types in one pass.
///
/// # Errors
/// Those of [`expr_type`].
pub fn visit_types<'a>(
    expr: &'a Expr,
    schema: &Schema,
    mut f: impl FnMut(&'a Expr, &ExprType),
) -> Result<()> {
    tree::fold(expr, |node, children: &[Operand]| {
        let operand = node_type(node, children, schema)?.operand;
        f(
            node,
            &ExprType {
                data_type: operand.data_type.clone(),
                nullable: operand.nullable,
            },
        );
        Ok(operand)
    })?;
    Ok(())
}

/// The column that an expression makes: its output name and type, under a fresh id unless it is
/// itself a column (then the column's id and qualifiers stay).
///
/// # Errors
/// Those of [`expr_type`].
pub fn expr_field(expr: &Expr, schema: &Schema) -> Result<Field> {
    if let Expr::Column(column) = expr {
        return column_field(column, schema).cloned();
    }
    let ExprType {
        data_type,
        nullable,
    } = expr_type(expr, schema)?;
    Ok(Field::new(
        Name::from(expr.output_name()),
        data_type,
        nullable,
    ))
}

/// The field that a reference means.
pub(crate) fn column_field<'a>(column: &ColumnRef, schema: &'a Schema) -> Result<&'a Field> {
    let field = match column.id {
        Some(id) => schema.field_of(id),
        None => schema.field(schema.resolve(&column.name)?),
    };
    field.ok_or_else(|| {
        let names = schema.fields().iter().map(Field::qualified_name).collect();
        Error::column_not_found(column.name.as_ref(), names)
    })
}

/// The type of a node whose children have these.
pub(crate) fn node_type(node: &Expr, children: &[Operand], schema: &Schema) -> Result<NodeType> {
    let typed = match node {
        Expr::Column(column) => {
            let field = column_field(column, schema)?;
            // Arrow's dictionary and run-end types are passed through untouched.
            return Ok(leaf(field.data_type().clone(), field.nullable(), None));
        }
        Expr::Literal(value) => {
            let data_type = value.data_type().clone();
            return Ok(leaf(data_type, value.is_null(), Some(value.clone())));
        }
        Expr::Alias(Alias { .. }) => {
            let [child] = children else {
                return Err(arity(node));
            };
            return Ok(NodeType {
                operand: child.clone(),
                children: vec![child.data_type.clone()],
            });
        }
        Expr::Binary(Binary { op, .. }) => {
            let [left, right] = children else {
                return Err(arity(node));
            };
            binary_type(*op, left, right)
        }
        Expr::Unary(Unary { op, .. }) => {
            let [child] = children else {
                return Err(arity(node));
            };
            unary_type(*op, child)
        }
        Expr::Cast(Cast { to, mode, .. }) => {
            let [child] = children else {
                return Err(arity(node));
            };
            if !can_cast(&child.data_type, to) {
                return Err(Error::type_mismatch(format!(
                    "a {} cannot be cast to {to}",
                    child.data_type
                ))
                .in_expr(node));
            }
            let nullable = child.nullable || *mode == CastMode::Try;
            Ok((vec![child.data_type.clone()], to.clone(), nullable))
        }
        Expr::Case(case) => case_type(case, children),
        Expr::InList(InList { .. }) => in_list_type(children),
        Expr::Between(Between { .. }) => between_type(children),
        Expr::Function(call) => function_type(call, children),
        Expr::Aggregate(call) => aggregate_type(call, children),
    };
    let (children, data_type, nullable) = typed.map_err(|e| e.in_expr(node))?;
    Ok(NodeType {
        operand: Operand {
            data_type,
            nullable,
            literal: None,
        },
        children,
    })
}

/// The types wanted of the children, that of the result, and whether it may be null.
type Types = Result<(Vec<DataType>, DataType, bool)>;

fn function_type(FunctionCall { function, .. }: &FunctionCall, args: &[Operand]) -> Types {
    let types = function.signature().coerce(function.name(), args)?;
    let result = function.return_type(&types)?;
    let nullable = !function.properties().strict || args.iter().any(|arg| arg.nullable);
    Ok((types, result, nullable))
}

fn aggregate_type(AggregateCall { function, .. }: &AggregateCall, args: &[Operand]) -> Types {
    let types = function.signature().coerce(function.name(), args)?;
    let result = function.return_type(&types)?;
    Ok((types, result, function.properties().nullable))
}

fn leaf(data_type: DataType, nullable: bool, literal: Option<ScalarValue>) -> NodeType {
    NodeType {
        operand: Operand {
            data_type,
            nullable,
            literal,
        },
        children: Vec::new(),
    }
}

fn arity(node: &Expr) -> Error {
    Error::internal(format!("{node} has a wrong number of children"))
}

#[cfg(test)]
mod tests;
