//! The plan tree.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use esker_datatypes::{ColumnId, Error, Field, Result, Schema, SchemaRef};
use esker_logical_expr::tree::{self, Child, Transformed, TreeNode};
use esker_logical_expr::{Expr, re_id};

use crate::mem_table::MemTable;
use crate::node::{
    Aggregate, Distinct, Extension, Filter, Join, Limit, Projection, Scan, Shared, Sort, Union,
    Unnest,
};

/// A shared input of a plan node.
pub type PlanChild = Child<LogicalPlan>;

/// The call of the user's program that made a node: errors while running show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The method's name.
    pub method: &'static str,
    /// The caller's file and line.
    pub location: &'static Location<'static>,
}

impl Origin {
    /// The call of a method that is itself `#[track_caller]`: its caller's place.
    #[track_caller]
    pub fn caller(method: &'static str) -> Self {
        Self {
            method,
            location: Location::caller(),
        }
    }

    /// Adds the call to an error, unless it names one.
    pub fn annotate(self, error: Error) -> Error {
        error.in_call(self.method, self.location)
    }
}

/// A relation, computed from others.
#[derive(Clone)]
pub enum LogicalPlan {
    /// The rows of a source.
    Scan(Scan),
    /// Computed columns.
    Projection(Projection),
    /// The rows for which a predicate is true.
    Filter(Filter),
    /// One row for each group of rows.
    Aggregate(Aggregate),
    /// Pairs of rows of two relations.
    Join(Join),
    /// The rows in the order of keys.
    Sort(Sort),
    /// Some rows from the front.
    Limit(Limit),
    /// The first row of each kind.
    Distinct(Distinct),
    /// The rows of several relations, one after the other.
    Union(Union),
    /// One row for each value of a list.
    Unnest(Unnest),
    /// A relation that is computed once and read in several places.
    Shared(Shared),
    /// A relation that Esker does not know.
    Extension(Extension),
}

/// What every node says of itself. The enum delegates to it and adds nothing.
pub trait PlanNode {
    /// The columns of the result.
    fn schema(&self) -> &SchemaRef;

    /// The call that made the node.
    fn origin(&self) -> Option<Origin>;

    /// Sets the call that made the node.
    fn set_origin(&mut self, origin: Option<Origin>);

    /// Calls `f` for each input, in order.
    fn for_each_input<'a>(&'a self, f: &mut dyn FnMut(&'a PlanChild));

    /// Calls `f` for each input, in order, to replace it; [`refresh`](Self::refresh) afterwards.
    fn for_each_input_mut(&mut self, f: &mut dyn FnMut(&mut PlanChild));

    /// Calls `f` for each expression.
    fn for_each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr));

    /// Calls `f` for each expression, to replace it by one of the same type.
    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr));

    /// Computes anew what the node takes from its inputs' schemas, after they changed.
    ///
    /// # Errors
    /// `Internal` when the inputs no longer fit.
    fn refresh(&mut self) -> Result<()>;

    /// Writes the node's line of the plan text.
    ///
    /// # Errors
    /// Those of the formatter.
    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl LogicalPlan {
    fn node(&self) -> &dyn PlanNode {
        match self {
            Self::Scan(node) => node,
            Self::Projection(node) => node,
            Self::Filter(node) => node,
            Self::Aggregate(node) => node,
            Self::Join(node) => node,
            Self::Sort(node) => node,
            Self::Limit(node) => node,
            Self::Distinct(node) => node,
            Self::Union(node) => node,
            Self::Unnest(node) => node,
            Self::Shared(node) => node,
            Self::Extension(node) => node,
        }
    }

    fn node_mut(&mut self) -> &mut dyn PlanNode {
        match self {
            Self::Scan(node) => node,
            Self::Projection(node) => node,
            Self::Filter(node) => node,
            Self::Aggregate(node) => node,
            Self::Join(node) => node,
            Self::Sort(node) => node,
            Self::Limit(node) => node,
            Self::Distinct(node) => node,
            Self::Union(node) => node,
            Self::Unnest(node) => node,
            Self::Shared(node) => node,
            Self::Extension(node) => node,
        }
    }

    /// The columns of the result.
    pub fn schema(&self) -> &SchemaRef {
        self.node().schema()
    }

    /// The call that made the root node.
    pub fn origin(&self) -> Option<Origin> {
        self.node().origin()
    }

    /// The same plan, its root made by this call.
    #[must_use]
    pub fn with_origin(mut self, origin: Option<Origin>) -> Self {
        self.node_mut().set_origin(origin);
        self
    }

    /// The same plan, made by this call: its root, and those of the root's inputs that no call has
    /// made, since [`join_plan`](crate::join_plan) and its like make two nodes of one call.
    #[must_use]
    pub fn made_by(mut self, origin: Origin) -> Self {
        self.node_mut().set_origin(Some(origin));
        self.node_mut().for_each_input_mut(&mut |input| {
            if input.origin().is_none() {
                let plan = input.clone().into_inner();
                *input = plan.with_origin(Some(origin)).into();
            }
        });
        self
    }

    /// The inputs of the root node.
    pub fn inputs(&self) -> Vec<&PlanChild> {
        let mut inputs = Vec::new();
        self.for_each_child(&mut |child| inputs.push(child));
        inputs
    }

    /// The same root node over other inputs; its schema follows.
    ///
    /// # Errors
    /// `Internal` when the inputs do not fit.
    pub fn with_inputs(mut self, inputs: impl IntoIterator<Item = PlanChild>) -> Result<Self> {
        let mut inputs = inputs.into_iter();
        let mut missing = false;
        self.node_mut()
            .for_each_input_mut(&mut |input| match inputs.next() {
                Some(new) => *input = new,
                None => missing = true,
            });
        if missing || inputs.next().is_some() {
            return Err(Error::internal(
                "a plan node was given another number of inputs",
            ));
        }
        self.node_mut().refresh()?;
        Ok(self)
    }

    /// The expressions of the root node.
    pub fn exprs(&self) -> Vec<&Expr> {
        let mut exprs = Vec::new();
        self.node().for_each_expr(&mut |expr| exprs.push(expr));
        exprs
    }

    /// Rewrites the expressions of the root node, each to one of the same type.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn map_exprs(
        mut self,
        mut f: impl FnMut(Expr) -> Result<Transformed<Expr>>,
    ) -> Result<Transformed<Self>> {
        let (mut changed, mut failed) = (false, None);
        self.node_mut().for_each_expr_mut(&mut |expr| {
            if failed.is_some() {
                return;
            }
            match f(expr.clone()) {
                Ok(new) if new.changed => {
                    *expr = new.data;
                    changed = true;
                }
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(Transformed {
                data: self,
                changed,
            }),
        }
    }

    /// Rewrites each node after its inputs; schemas follow.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn transform_up(
        self,
        mut f: impl FnMut(Self) -> Result<Transformed<Self>>,
    ) -> Result<Transformed<Self>> {
        tree::transform_up(self, |mut plan| {
            let before = Arc::clone(plan.schema());
            plan.node_mut().refresh()?;
            let refreshed = !Arc::ptr_eq(&before, plan.schema());
            let new = f(plan)?;
            Ok(Transformed {
                changed: new.changed || refreshed,
                data: new.data,
            })
        })
    }

    /// Rewrites each node before its inputs; schemas follow.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn transform_down(
        self,
        f: impl FnMut(Self) -> Result<Transformed<Self>>,
    ) -> Result<Transformed<Self>> {
        let down = tree::transform_down(self, f)?;
        if !down.changed {
            return Ok(down);
        }
        // Each node counts as changed, or the refreshed ones would give way to the shared originals.
        let up = down.data.transform_up(|plan| Ok(Transformed::yes(plan)))?;
        Ok(Transformed::yes(up.data))
    }

    /// The same plan, of which each column has a new identity: what a self-join or a union with
    /// itself needs for one of its sides.
    ///
    /// # Errors
    /// `Internal` when the plan is not well-formed.
    pub fn with_fresh_ids(self) -> Result<Self> {
        let mut ids: HashMap<ColumnId, ColumnId> = HashMap::new();
        let fresh = tree::transform_up(self, |mut plan| {
            // A scan's filters use its own columns, other expressions those of the inputs.
            if let Self::Scan(scan) = &mut plan {
                scan.set_ids(&mut |schema| renew(schema, &mut ids));
            }
            let mut failed = None;
            plan.node_mut()
                .for_each_expr_mut(&mut |expr| match re_id(expr.clone(), &ids) {
                    Ok(new) => *expr = new,
                    Err(error) => failed = Some(error),
                });
            if let Some(error) = failed {
                return Err(error);
            }
            match &mut plan {
                Self::Projection(node) => node.schema = renew(&node.schema, &mut ids),
                Self::Aggregate(node) => node.schema = renew(&node.schema, &mut ids),
                Self::Union(node) => node.schema = renew(&node.schema, &mut ids),
                Self::Extension(node) => node.schema = renew(&node.schema, &mut ids),
                Self::Unnest(node) => {
                    node.set_ids(|id| *ids.entry(id).or_insert_with(ColumnId::fresh));
                }
                Self::Shared(node) => node.set_ids(&mut |schema| renew(schema, &mut ids)),
                // Their columns are those of the inputs.
                Self::Scan(_)
                | Self::Filter(_)
                | Self::Join(_)
                | Self::Sort(_)
                | Self::Limit(_)
                | Self::Distinct(_) => {}
            }
            plan.node_mut().refresh()?;
            Ok(Transformed::yes(plan))
        })?;
        Ok(fresh.data)
    }

    /// Whether a column of one plan's result is one of the other's too: a node that puts both side
    /// by side could not tell them apart.
    pub fn shares_columns_with(&self, other: &Self) -> bool {
        let other = other.schema();
        let mut fields = self.schema().fields().iter();
        fields.any(|field| other.index_of(field.id()).is_some())
    }

    /// The root node's line of the plan text.
    pub fn line(&self) -> String {
        struct Line<'a>(&'a LogicalPlan);
        impl fmt::Display for Line<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt_line(f)
            }
        }
        Line(self).to_string()
    }

    /// Writes the root node's line of the plan text.
    pub(crate) fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node().fmt_line(f)
    }
}

/// The same columns under new identities, the same one for a column met before.
fn renew(schema: &Schema, ids: &mut HashMap<ColumnId, ColumnId>) -> SchemaRef {
    let renew = |field: &Field| {
        let id = *ids.entry(field.id()).or_insert_with(ColumnId::fresh);
        field.clone().with_id(id)
    };
    Arc::new(schema.fields().iter().map(renew).collect())
}

impl TreeNode for LogicalPlan {
    fn for_each_child<'a>(&'a self, f: &mut dyn FnMut(&'a PlanChild)) {
        self.node().for_each_input(f);
    }

    fn for_each_child_mut(&mut self, f: &mut dyn FnMut(&mut PlanChild)) {
        self.node_mut().for_each_input_mut(f);
    }

    fn leaf() -> Arc<Self> {
        static LEAF: OnceLock<Arc<LogicalPlan>> = OnceLock::new();
        Arc::clone(LEAF.get_or_init(|| {
            let nothing = Arc::new(MemTable::empty(&Schema::default()));
            Arc::new(LogicalPlan::Scan(Scan::new("nothing", nothing)))
        }))
    }
}
