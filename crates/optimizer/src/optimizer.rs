//! The rules in turn until nothing changes, and the checks after each.

use std::sync::Arc;

use esker_datatypes::{Error, ErrorKind, Result, Schema};
use esker_logical_expr::tree::Transformed;
use esker_logical_plan::{LogicalPlan, check_invariants, check_same_schema};

use crate::rule::{OptimizerRule, Turn};
use crate::rules;

/// How often the list of rules is gone through at most.
const MAX_PASSES: usize = 8;

/// A list of rules, applied in order and again until none changes the plan. A rule whose
/// [turn](Turn) comes once cuts the list: first those before it come to rest, then it is applied,
/// then all others.
///
/// ```
/// use esker_optimizer::Optimizer;
/// let mut optimizer = Optimizer::new();
/// optimizer.without("push_down_filters")?;
/// assert!(!optimizer.rule_names().contains(&"push_down_filters"));
/// let error = optimizer.without("no_such_rule").unwrap_err();
/// assert!(error.to_string().starts_with("there is no rule 'no_such_rule'"));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Optimizer {
    rules: Vec<Arc<dyn OptimizerRule>>,
    max_passes: usize,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Optimizer {
    /// All rules.
    pub fn new() -> Self {
        Self::with_rules(rules::all())
    }

    /// These rules, in this order.
    pub fn with_rules(rules: impl IntoIterator<Item = Arc<dyn OptimizerRule>>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            max_passes: MAX_PASSES,
        }
    }

    /// The same rules, gone through at most this often; 0 leaves plans as they are.
    #[must_use]
    pub fn with_max_passes(mut self, passes: usize) -> Self {
        self.max_passes = passes;
        self
    }

    /// Switches a rule off.
    ///
    /// # Errors
    /// `InvalidInput`, with the names there are, when no rule is called so.
    pub fn without(&mut self, rule: &str) -> Result<()> {
        let before = self.rules.len();
        self.rules.retain(|r| r.name() != rule);
        if self.rules.len() == before {
            return Err(Error::invalid_input(format!(
                "there is no rule '{rule}': the rules are {}",
                self.rule_names().join(", ")
            )));
        }
        Ok(())
    }

    /// The names of the rules, in order.
    pub fn rule_names(&self) -> Vec<&'static str> {
        self.rules.iter().map(|rule| rule.name()).collect()
    }

    /// A plan that gives the same rows of the same columns sooner.
    ///
    /// # Errors
    /// `Internal`, naming the rule, when a rule broke the plan.
    pub fn optimize(&self, analyzed: LogicalPlan) -> Result<LogicalPlan> {
        self.optimize_traced(analyzed, &mut |_, _| {})
    }

    /// Like [`optimize`](Self::optimize); shows the observer the plan after each rule that changed
    /// it, with the rule's name.
    ///
    /// # Errors
    /// `Internal`, naming the rule, when a rule broke the plan.
    pub fn optimize_traced(
        &self,
        analyzed: LogicalPlan,
        observer: &mut dyn FnMut(&'static str, &LogicalPlan),
    ) -> Result<LogicalPlan> {
        let mut plan = analyzed;
        if self.max_passes == 0 {
            return Ok(plan);
        }
        let rules = self.rules.iter().map(|rule| (rule, rule.turn(&plan)));
        let rules: Vec<_> = rules.collect();
        let mut repeated = Vec::with_capacity(rules.len());
        let mut changes = 0;
        for (rule, turn) in rules {
            match turn {
                Turn::EveryPass => repeated.push(Repeated {
                    rule: &**rule,
                    unchanged_at: None,
                }),
                Turn::Once => {
                    plan = self.come_to_rest(&mut repeated, plan, &mut changes, observer)?;
                    let new = apply(&**rule, plan, observer)?;
                    changes += usize::from(new.changed);
                    plan = new.data;
                }
                Turn::Never => {}
            }
        }
        self.come_to_rest(&mut repeated, plan, &mut changes, observer)
    }

    /// Applies rules in turn until none changes the plan; counts the changes.
    fn come_to_rest(
        &self,
        rules: &mut [Repeated<'_>],
        mut plan: LogicalPlan,
        changes: &mut usize,
        observer: &mut dyn FnMut(&'static str, &LogicalPlan),
    ) -> Result<LogicalPlan> {
        for _ in 0..self.max_passes {
            let before = *changes;
            for Repeated { rule, unchanged_at } in &mut *rules {
                // A rule gives the same for the same plan.
                if *unchanged_at == Some(*changes) {
                    continue;
                }
                let new = apply(*rule, plan, observer)?;
                *unchanged_at = (!new.changed).then_some(*changes);
                *changes += usize::from(new.changed);
                plan = new.data;
            }
            if *changes == before {
                break;
            }
        }
        Ok(plan)
    }
}

/// A rule of every pass.
struct Repeated<'a> {
    rule: &'a dyn OptimizerRule,
    /// The plan that it has left as it was, by how many changes had been made before.
    unchanged_at: Option<usize>,
}

/// Applies a rule and checks what it made of the plan.
fn apply(
    rule: &dyn OptimizerRule,
    plan: LogicalPlan,
    observer: &mut dyn FnMut(&'static str, &LogicalPlan),
) -> Result<Transformed<LogicalPlan>> {
    let name = rule.name();
    let schema = Arc::clone(plan.schema());
    let new = rule
        .rewrite(plan)
        .map_err(|error| error.in_node(format!("the rule '{name}'")))?;
    check(&schema, &new.data, new.changed).map_err(|error| blame(name, &error))?;
    if new.changed {
        observer(name, &new.data);
    }
    Ok(new)
}

fn check(before: &Schema, plan: &LogicalPlan, changed: bool) -> Result<()> {
    check_same_schema(before, plan.schema())?;
    if changed {
        check_invariants(plan)
    } else {
        Ok(())
    }
}

/// The error of a check, with the name of the rule in front.
fn blame(rule: &str, error: &Error) -> Error {
    let message = match error.kind() {
        ErrorKind::Internal { message } => message.clone(),
        other => other.to_string(),
    };
    let blamed = Error::internal(format!("the rule '{rule}' broke the plan: {message}"));
    error
        .context()
        .iter()
        .cloned()
        .fold(blamed, Error::with_context)
}
