//! A relation that Esker does not know.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;

use esker_datatypes::{Result, Schema, SchemaRef};
use esker_logical_expr::{Expr, resolve};

use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// What somebody's own relation says of itself. Rules leave it alone; a planner that knows it makes
/// an operator of it (it finds the type through [`Any`]).
pub trait ExtensionNode: Any + Send + Sync + Debug {
    /// The columns of the result, with fresh ids for those that are not the inputs' own.
    ///
    /// # Errors
    /// Whatever is wrong with inputs or expressions.
    fn schema(&self, inputs: &[&Schema], exprs: &[Expr]) -> Result<Schema>;

    /// The node's line of the plan text, without inputs.
    fn describe(&self, exprs: &[Expr]) -> String;
}

/// An [`ExtensionNode`] with its inputs and expressions.
#[derive(Clone)]
pub struct Extension {
    node: Arc<dyn ExtensionNode>,
    exprs: Vec<Expr>,
    inputs: Vec<PlanChild>,
    pub(crate) schema: SchemaRef,
    origin: Option<Origin>,
}

impl Extension {
    /// An extension whose expressions' names mean columns of its inputs.
    ///
    /// # Errors
    /// `ColumnNotFound`, `AmbiguousColumn`, and those of the node.
    pub fn try_new(
        node: Arc<dyn ExtensionNode>,
        exprs: Vec<Expr>,
        inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        let all: Schema = inputs
            .iter()
            .flat_map(|i| i.schema().fields().iter().cloned())
            .collect();
        let exprs: Vec<Expr> = exprs
            .into_iter()
            .map(|e| resolve(e, &all))
            .collect::<Result<_>>()?;
        let schemas: Vec<&Schema> = inputs.iter().map(|i| i.schema().as_ref()).collect();
        let schema = Arc::new(node.schema(&schemas, &exprs)?);
        let inputs = inputs.into_iter().map(PlanChild::new).collect();
        Ok(Self {
            node,
            exprs,
            inputs,
            schema,
            origin: None,
        })
    }

    /// The node.
    pub fn node(&self) -> &Arc<dyn ExtensionNode> {
        &self.node
    }

    /// Its expressions, resolved.
    pub fn exprs(&self) -> &[Expr] {
        &self.exprs
    }

    /// Its inputs.
    pub fn inputs(&self) -> &[PlanChild] {
        &self.inputs
    }
}

impl PlanNode for Extension {
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
        self.inputs.iter().for_each(f);
    }

    fn for_each_input_mut(&mut self, f: &mut dyn FnMut(&mut PlanChild)) {
        self.inputs.iter_mut().for_each(f);
    }

    fn for_each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.exprs.iter().for_each(f);
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.exprs.iter_mut().for_each(f);
    }

    fn refresh(&mut self) -> Result<()> {
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.node.describe(&self.exprs))
    }
}
