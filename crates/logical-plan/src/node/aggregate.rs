//! One row for each group of rows.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{Error, Field, Result, Schema, SchemaRef};
use esker_logical_expr::tree::{self, Transformed, Visit};
use esker_logical_expr::{Alias, Expr, expr_field, resolve};

use super::projection::{Projection, check_names};
use super::write_list;
use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// One row for each group of rows with equal keys, the keys first, then a value of each aggregate.
/// Without keys one row for all rows, also when there are none.
///
/// Nulls are equal here, as are NaN, and -0.0 and 0.0 (S2, S8). The order of the groups is promised
/// only with [`maintain_order`](Self::with_maintain_order): that of their first rows.
#[derive(Clone)]
pub struct Aggregate {
    keys: Vec<Expr>,
    /// Aggregate calls, under an alias or not.
    aggregates: Vec<Expr>,
    maintain_order: bool,
    sorted: bool,
    input: PlanChild,
    pub(crate) schema: SchemaRef,
    origin: Option<Origin>,
}

impl Aggregate {
    /// Groups and aggregate calls whose names mean columns of the input. Expressions *around*
    /// aggregates are for [`aggregate_plan`].
    ///
    /// # Errors
    /// `ColumnNotFound`, `AmbiguousColumn`, `TypeMismatch`; `InvalidInput` when a key holds an
    /// aggregate, an aggregate is none or holds another, or two columns of the result have the same
    /// name.
    pub fn try_new(
        keys: impl IntoIterator<Item = Expr>,
        aggregates: impl IntoIterator<Item = Expr>,
        input: LogicalPlan,
    ) -> Result<Self> {
        let keys = resolved_keys(keys, input.schema())?;
        let aggregates: Vec<Expr> = aggregates
            .into_iter()
            .map(|expr| resolve(expr, input.schema()))
            .collect::<Result<_>>()?;
        let node = Self::of_resolved(keys, aggregates, input)?;
        check_names(node.schema.fields())?;
        Ok(node)
    }

    /// Like [`try_new`](Self::try_new), of resolved expressions; names may repeat.
    fn of_resolved(keys: Vec<Expr>, aggregates: Vec<Expr>, input: LogicalPlan) -> Result<Self> {
        for expr in &aggregates {
            let Expr::Aggregate(call) = expr.unaliased() else {
                return Err(Error::invalid_input("this is no aggregate").in_expr(expr));
            };
            if call.args.iter().any(|arg| arg.has_aggregate()) {
                return Err(
                    Error::invalid_input("an aggregate takes no other aggregate").in_expr(expr),
                );
            }
        }
        let exprs = keys.iter().chain(&aggregates);
        let fields = exprs.map(|expr| expr_field(expr, input.schema()));
        let schema = Arc::new(fields.collect::<Result<Schema>>()?);
        Ok(Self {
            keys,
            aggregates,
            maintain_order: false,
            sorted: false,
            input: input.into(),
            schema,
            origin: None,
        })
    }

    /// An aggregation whose columns are known: what a rule makes of another. The expressions are
    /// resolved, and the fields are theirs, id and name included: the keys' first.
    ///
    /// # Errors
    /// `Internal` when there are not as many fields as expressions.
    pub fn from_parts(
        keys: Vec<Expr>,
        aggregates: Vec<Expr>,
        schema: SchemaRef,
        input: PlanChild,
    ) -> Result<Self> {
        if keys.len() + aggregates.len() != schema.len() {
            return Err(Error::internal(format!(
                "{} keys and {} aggregates for {} columns",
                keys.len(),
                aggregates.len(),
                schema.len()
            )));
        }
        Ok(Self {
            keys,
            aggregates,
            maintain_order: false,
            sorted: false,
            input,
            schema,
            origin: None,
        })
    }

    /// The same with the groups in the order of their first rows, or in any.
    #[must_use]
    pub fn with_maintain_order(mut self, on: bool) -> Self {
        self.maintain_order = on;
        self
    }

    /// The same over input that is claimed to be sorted by the keys, which is verified while
    /// running.
    #[must_use]
    pub fn with_sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    /// The same with only the aggregates at these positions (ascending), and their columns.
    #[must_use]
    pub fn with_aggregates_at(mut self, positions: &[usize]) -> Self {
        let keys = self.keys.len();
        let key_fields = self.schema.fields().iter().take(keys);
        let kept = positions
            .iter()
            .filter_map(|at| self.schema.field(keys + at));
        self.schema = Arc::new(key_fields.chain(kept).cloned().collect());
        let kept = positions.iter().filter_map(|&at| self.aggregates.get(at));
        self.aggregates = kept.cloned().collect();
        self
    }

    /// What rows of a group have in common.
    pub fn keys(&self) -> &[Expr] {
        &self.keys
    }

    /// The aggregate calls, under an alias or not.
    pub fn aggregates(&self) -> &[Expr] {
        &self.aggregates
    }

    /// Whether the groups come in the order of their first rows.
    pub fn maintain_order(&self) -> bool {
        self.maintain_order
    }

    /// Whether the input is claimed to be sorted by the keys.
    pub fn sorted(&self) -> bool {
        self.sorted
    }

    /// Where the rows come from.
    pub fn input(&self) -> &PlanChild {
        &self.input
    }
}

/// How an aggregation is to run, beyond keys and aggregates.
#[derive(Clone, Copy, Debug, Default)]
pub struct AggregateOptions {
    /// Groups come in the order of their first rows.
    pub maintain_order: bool,
    /// The input is sorted by the keys; verified while running (S16).
    pub sorted: bool,
}

/// The plan that groups `input` by keys and computes expressions around aggregates: an
/// [`Aggregate`], and a [`Projection`] above it where an expression is more than an aggregate call.
/// Outside of aggregates an expression may use the keys.
///
/// # Errors
/// Those of [`Aggregate::try_new`]; `InvalidInput` for a column that is neither a key nor inside an
/// aggregate.
pub fn aggregate_plan(
    keys: impl IntoIterator<Item = Expr>,
    exprs: impl IntoIterator<Item = Expr>,
    options: AggregateOptions,
    input: LogicalPlan,
) -> Result<LogicalPlan> {
    let with_options = |node: Aggregate| {
        node.with_maintain_order(options.maintain_order)
            .with_sorted(options.sorted)
    };
    let schema = Arc::clone(input.schema());
    let keys = resolved_keys(keys, &schema)?;
    let exprs: Vec<Expr> = exprs
        .into_iter()
        .map(|expr| resolve(expr, &schema))
        .collect::<Result<_>>()?;
    if exprs
        .iter()
        .all(|expr| matches!(expr.unaliased(), Expr::Aggregate(_)))
    {
        let node = with_options(Aggregate::of_resolved(keys, exprs, input)?);
        check_names(node.schema.fields())?;
        return Ok(LogicalPlan::Aggregate(node));
    }
    // The calls, each once, and then the expressions over their columns.
    let mut calls: Vec<Expr> = Vec::new();
    for expr in &exprs {
        tree::visit(expr, |node| {
            if !matches!(node, Expr::Aggregate(_)) {
                return Visit::Continue;
            }
            if !calls.iter().any(|call| call.same_as(node)) {
                calls.push(node.clone());
            }
            Visit::Skip
        });
    }
    let node = with_options(Aggregate::of_resolved(keys.clone(), calls.clone(), input)?);
    let computed: Vec<&Expr> = keys.iter().chain(&calls).collect();
    let fields = node.schema.fields().to_vec();
    let mut columns: Vec<Expr> = fields.iter().take(keys.len()).map(Expr::column).collect();
    for expr in exprs {
        columns.push(over_groups(expr, &computed, &fields)?);
    }
    let plan = LogicalPlan::Aggregate(node);
    Ok(LogicalPlan::Projection(Projection::try_new(columns, plan)?))
}

/// The expression with each key and each aggregate call replaced by its column.
fn over_groups(expr: Expr, computed: &[&Expr], fields: &[Field]) -> Result<Expr> {
    let name = expr.output_name();
    let original = expr.clone();
    let replaced = tree::transform_down(expr, |node| {
        // An alias within is looked through, and its name is of no use.
        let field = if matches!(node, Expr::Alias(_) | Expr::Literal(_)) {
            None
        } else {
            let mut pairs = computed.iter().zip(fields);
            pairs.find(|(expr, _)| expr.same_as(&node))
        };
        match (field, &node) {
            (Some((_, field)), _) => Ok(Transformed::yes(Expr::column(field))),
            (None, Expr::Column(column)) if !fields.iter().any(|f| column.id() == Some(f.id())) => {
                Err(Error::invalid_input(format!(
                    "column '{}' is neither a key nor inside an aggregate: add it to the keys, or \
                     say which of its values is meant, with first() or another aggregate",
                    column.name()
                ))
                .in_expr(&original))
            }
            (None, _) => Ok(Transformed::no(node)),
        }
    })?;
    if replaced.data.output_name() == name {
        return Ok(replaced.data);
    }
    Ok(Expr::Alias(Alias {
        expr: replaced.data.into(),
        name: name.into(),
    }))
}

fn resolved_keys(keys: impl IntoIterator<Item = Expr>, schema: &Schema) -> Result<Vec<Expr>> {
    keys.into_iter()
        .map(|key| {
            let key = resolve(key, schema)?;
            if key.has_aggregate() {
                return Err(
                    Error::invalid_input("rows cannot be grouped by an aggregate").in_expr(&key),
                );
            }
            Ok(key)
        })
        .collect()
}

impl PlanNode for Aggregate {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn origin(&self) -> Option<Origin> {
        self.origin
    }

    fn set_origin(&mut self, origin: Option<Origin>) {
        self.origin = origin;
    }

    fn for_each_input<'a>(&'a self, f: &mut dyn FnMut(&'a PlanChild)) {
        f(&self.input);
    }

    fn for_each_input_mut(&mut self, f: &mut dyn FnMut(&mut PlanChild)) {
        f(&mut self.input);
    }

    fn for_each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.keys.iter().chain(&self.aggregates).for_each(f);
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.keys.iter_mut().chain(&mut self.aggregates).for_each(f);
    }

    fn refresh(&mut self) -> Result<()> {
        // Names, types and ids of the result do not depend on where the input has its columns.
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aggregate: groupExpr=[")?;
        write_list(f, &self.keys)?;
        f.write_str("], aggregateExpr=[")?;
        write_list(f, &self.aggregates)?;
        f.write_str("]")?;
        if self.maintain_order {
            f.write_str(", maintain_order=true")?;
        }
        if self.sorted {
            f.write_str(", sorted=true")?;
        }
        Ok(())
    }
}
