//! What rules ask of expressions, and how they keep names.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use esker_datatypes::{
    DataType, Field, Result, Schema, SchemaRef, is_binary, is_string, value_type,
};
use esker_logical_expr::function::Volatility;
use esker_logical_expr::tree::{self, Visit};
use esker_logical_expr::{Alias, BinaryOp, ColumnRef, Expr, Interval, UnaryOp, cannot_fail};
use esker_logical_plan::LogicalPlan;

/// The columns that the expressions of a node are over.
pub(crate) fn input_schema(plan: &LogicalPlan) -> SchemaRef {
    match plan {
        // Its filters may use columns that it does not deliver.
        LogicalPlan::Scan(scan) => Arc::clone(scan.columns()),
        LogicalPlan::Filter(filter) => Arc::clone(filter.input().schema()),
        LogicalPlan::Projection(projection) => Arc::clone(projection.input().schema()),
        LogicalPlan::Aggregate(aggregate) => Arc::clone(aggregate.input().schema()),
        LogicalPlan::Join(join) => Arc::new(join.both_sides()),
        LogicalPlan::Sort(sort) => Arc::clone(sort.input().schema()),
        LogicalPlan::Distinct(distinct) => Arc::clone(distinct.input().schema()),
        LogicalPlan::Unnest(unnest) => Arc::clone(unnest.input().schema()),
        LogicalPlan::Limit(limit) => Arc::clone(limit.input().schema()),
        LogicalPlan::Union(_) => Arc::default(),
        LogicalPlan::Shared(shared) => Arc::clone(shared.input().schema()),
        LogicalPlan::Extension(extension) => {
            let inputs = extension.inputs().iter();
            Arc::new(
                inputs
                    .flat_map(|input| input.schema().fields().iter().cloned())
                    .collect(),
            )
        }
    }
}

/// Whether two evaluations may give different results: such an expression is neither folded, nor
/// moved, nor merged.
pub(crate) fn is_volatile(expr: &Expr) -> bool {
    tree::any(expr, |node| match node {
        Expr::Function(call) => call.function.properties().volatility == Volatility::Volatile,
        Expr::Column(_)
        | Expr::Literal(_)
        | Expr::Alias(_)
        | Expr::Binary(_)
        | Expr::Unary(_)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::InList(_)
        | Expr::Between(_)
        | Expr::Aggregate(_) => false,
    })
}

/// Whether no value of the columns makes the expression fail.
pub(crate) fn is_infallible(expr: &Expr, schema: &Schema) -> bool {
    let interval = |id| match schema.field_of(id) {
        Some(field) => Interval::of_field(field),
        None => Interval::unknown(&DataType::Null),
    };
    cannot_fail(expr, &interval)
}

/// Whether the expression is the same to the bit for rows that grouping takes for equal: not when it
/// looks at a float otherwise than by comparing it, for -0.0 equals 0.0 (S8).
pub(crate) fn agrees_on_equals(expr: &Expr, schema: &Schema) -> bool {
    let agreement = tree::fold(expr, |node, children: &[Agreement]| {
        let least = children.iter().copied().min().unwrap_or(Agreement::Bits);
        let compared = match least {
            Agreement::No => Agreement::No,
            Agreement::Equal | Agreement::Bits => Agreement::Bits,
        };
        let computed = match least {
            Agreement::No | Agreement::Equal => Agreement::No,
            Agreement::Bits => Agreement::Bits,
        };
        Ok(match node {
            Expr::Column(column) => {
                let field = column.id().and_then(|id| schema.field_of(id));
                field.map_or(Agreement::No, |field| Agreement::of(field.data_type()))
            }
            Expr::Literal(_) | Expr::Alias(_) => least,
            Expr::InList(_) | Expr::Between(_) => compared,
            Expr::Binary(binary) if binary.op.as_compare().is_some() => compared,
            Expr::Unary(unary) => match unary.op {
                UnaryOp::IsNull | UnaryOp::IsNotNull | UnaryOp::IsNan => compared,
                UnaryOp::Negate => least,
                UnaryOp::Not | UnaryOp::IsTrue | UnaryOp::IsFalse => computed,
            },
            Expr::Cast(cast) if value_type(&cast.to).is_floating() => least,
            Expr::Binary(_)
            | Expr::Cast(_)
            | Expr::Case(_)
            | Expr::Function(_)
            | Expr::Aggregate(_) => computed,
        })
    });
    agreement.is_ok_and(|agreement| agreement == Agreement::Bits)
}

/// How far the values of an expression agree for rows that grouping takes for equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Agreement {
    /// Perhaps not.
    No,
    /// They compare equal.
    Equal,
    /// They are the same.
    Bits,
}

impl Agreement {
    /// That of the keys themselves.
    fn of(data_type: &DataType) -> Self {
        if equals_are_same(data_type) {
            Self::Bits
        } else {
            Self::Equal
        }
    }
}

/// Whether equal values of a type are the same to the bit: not -0.0 and 0.0.
pub(crate) fn equals_are_same(data_type: &DataType) -> bool {
    let data_type = value_type(data_type);
    !data_type.is_floating() && !data_type.is_nested()
}

/// Whether values of both types compare as they are: text and binary in any layout, and encodings are
/// no types.
pub(crate) fn compare_as_they_are(left: &DataType, right: &DataType) -> bool {
    let (l, r) = (value_type(left), value_type(right));
    l == r || (is_string(l) && is_string(r)) || (is_binary(l) && is_binary(r))
}

/// Joins terms with `OR`, from the left; `None` for no terms.
pub(crate) fn any_of(terms: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    let or = |left, right| Expr::binary(left, BinaryOp::Or, right);
    terms.into_iter().reduce(or)
}

/// Whether an expression has at most this many nodes.
pub(crate) fn is_small(expr: &Expr, most: usize) -> bool {
    let mut nodes = 0;
    tree::visit(expr, |_| {
        nodes += 1;
        if nodes > most {
            Visit::Stop
        } else {
            Visit::Continue
        }
    });
    nodes <= most
}

/// Whether it costs nothing to evaluate: a column or a literal.
pub(crate) fn is_trivial(expr: &Expr) -> bool {
    matches!(expr.unaliased(), Expr::Column(_) | Expr::Literal(_))
}

/// The expression under the name of its column.
pub(crate) fn named(expr: Expr, field: &Field) -> Expr {
    if expr.output_name() == **field.name() {
        return expr;
    }
    let expr = match expr {
        Expr::Alias(alias) => alias.expr,
        other => other.into(),
    };
    Expr::Alias(Alias {
        expr,
        name: Arc::clone(field.name()),
    })
}

/// A set of expressions that compute different things.
#[derive(Default)]
pub(crate) struct ExprSet<'a> {
    by_hash: HashMap<u64, Vec<&'a Expr>>,
}

impl<'a> ExprSet<'a> {
    /// Adds an expression. Says whether it was not there.
    ///
    /// # Errors
    /// None of its own.
    pub(crate) fn insert(&mut self, expr: &'a Expr) -> Result<bool> {
        let same_hash = self.by_hash.entry(fingerprint(expr)?).or_default();
        if same_hash.iter().any(|other| other.same_as(expr)) {
            return Ok(false);
        }
        same_hash.push(expr);
        Ok(true)
    }

    /// Whether an expression that computes the same is there.
    ///
    /// # Errors
    /// None of its own.
    pub(crate) fn contains(&self, expr: &Expr) -> Result<bool> {
        let same_hash = self.by_hash.get(&fingerprint(expr)?);
        Ok(same_hash.is_some_and(|exprs| exprs.iter().any(|other| other.same_as(expr))))
    }
}

/// A hash that is equal for expressions that are [the same](Expr::same_as).
fn fingerprint(expr: &Expr) -> Result<u64> {
    fingerprint_by(expr, |column, hasher| match column.id() {
        Some(id) => id.hash(hasher),
        None => column.name().hash(hasher),
    })
}

/// A hash that is equal for expressions that are the same but for the identities of their columns.
pub(crate) fn fingerprint_by_name(expr: &Expr) -> Result<u64> {
    fingerprint_by(expr, |column, hasher| column.name().hash(hasher))
}

fn fingerprint_by(
    expr: &Expr,
    hash_column: impl Fn(&ColumnRef, &mut DefaultHasher),
) -> Result<u64> {
    tree::fold(expr, |node, children: &[u64]| {
        if let (Expr::Alias(_), [child]) = (node, children) {
            return Ok(*child);
        }
        let mut hasher = DefaultHasher::new();
        std::mem::discriminant(node).hash(&mut hasher);
        children.hash(&mut hasher);
        match node {
            Expr::Column(column) => hash_column(column, &mut hasher),
            Expr::Literal(value) => value.to_string().hash(&mut hasher),
            Expr::Binary(binary) => binary.op.hash(&mut hasher),
            Expr::Unary(unary) => unary.op.hash(&mut hasher),
            Expr::Cast(cast) => cast.to.hash(&mut hasher),
            Expr::InList(list) => list.negated.hash(&mut hasher),
            Expr::Between(between) => between.negated.hash(&mut hasher),
            Expr::Function(call) => call.function.name().hash(&mut hasher),
            Expr::Aggregate(call) => call.function.name().hash(&mut hasher),
            Expr::Alias(_) | Expr::Case(_) => {}
        }
        Ok(hasher.finish())
    })
}
