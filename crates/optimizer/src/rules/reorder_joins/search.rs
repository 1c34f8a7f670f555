//! The search for an order of joins.

use std::collections::HashMap;

/// A set of relations, one bit each.
pub(super) type Set = u64;

/// So many relations at most are put in order.
pub(super) const MAX_RELATIONS: usize = 64;

/// So many relations at most have all of their orders tried.
const MAX_EXHAUSTIVE: usize = 10;

/// Relations, what connects them, and how many rows joins of them have.
pub(super) struct Graph {
    /// The rows of each relation.
    pub(super) rows: Vec<f64>,
    /// By pair of relations: of how many pairs of rows one has equal keys.
    pub(super) edges: Vec<(Set, f64)>,
    /// Other conditions: the relations that each is about, and the share of rows that pass.
    pub(super) conditions: Vec<(Set, f64)>,
}

/// Two sets that are joined, in the order in which they are; the last ones are all relations.
pub(super) type Order = Vec<(Set, Set)>;

impl Graph {
    pub(super) fn all(&self) -> Set {
        match self.rows.len() {
            MAX_RELATIONS => Set::MAX,
            count => (1 << count) - 1,
        }
    }

    fn relations(&self) -> impl Iterator<Item = Set> {
        (0..self.rows.len()).map(|at| 1 << at)
    }

    /// About how many rows the join of these relations has, in any order.
    fn rows_of(&self, set: Set) -> f64 {
        let within = |of: Set| of & set == of;
        let rows = self.rows.iter().zip(self.relations());
        let rows = rows.filter(|(_, of)| within(*of)).map(|(rows, _)| rows);
        let edges = self.edges.iter().filter(|(of, _)| within(*of));
        let conditions = self.conditions.iter().filter(|(of, _)| within(*of));
        let share: f64 = conditions.map(|(_, share)| share).product();
        rows.product::<f64>() * share / edges.map(|(_, values)| values).product::<f64>()
    }

    /// Whether keys connect two sets.
    fn connects(&self, left: Set, right: Set) -> bool {
        let mut edges = self.edges.iter();
        edges.any(|(of, _)| of & left != 0 && of & right != 0 && of & !(left | right) == 0)
    }

    /// What a join costs, without its inputs: the rows it gives, and those its table is built of,
    /// which take about twice as long.
    fn cost_of_join(&self, left: Set, right: Set) -> f64 {
        let build = self.rows_of(left).min(self.rows_of(right));
        self.rows_of(left | right) + 2.0 * build
    }

    /// What an order costs.
    pub(super) fn cost(&self, order: &Order) -> f64 {
        let joins = order.iter();
        joins
            .map(|&(left, right)| self.cost_of_join(left, right))
            .sum()
    }

    /// A good order; `None` when only a cross join brings all relations together. The larger side of
    /// each join is the left one.
    pub(super) fn best(&self) -> Option<Order> {
        let order = match self.rows.len() <= MAX_EXHAUSTIVE {
            true => self.exhaustive()?,
            false => self.greedy()?,
        };
        let larger_left = |(left, right): (Set, Set)| match self.rows_of(left) < self.rows_of(right)
        {
            true => (right, left),
            false => (left, right),
        };
        Some(order.into_iter().map(larger_left).collect())
    }

    /// The best of all orders: each set from the best orders of its parts.
    fn exhaustive(&self) -> Option<Order> {
        /// The best order of a set ends with the join of two others.
        struct Best {
            cost: f64,
            last: Option<(Set, Set)>,
        }
        let alone = |set| {
            (
                set,
                Best {
                    cost: 0.0,
                    last: None,
                },
            )
        };
        let mut best: HashMap<Set, Best> = self.relations().map(alone).collect();
        for set in 1..=self.all() {
            if set.is_power_of_two() {
                continue;
            }
            let mut found: Option<Best> = None;
            // Each way to cut it in two, once.
            let mut left = (set - 1) & set;
            while left > set ^ left {
                let right = set ^ left;
                if let (Some(l), Some(r)) = (best.get(&left), best.get(&right))
                    && self.connects(left, right)
                {
                    let cost = l.cost + r.cost + self.cost_of_join(left, right);
                    if found.as_ref().is_none_or(|found| cost < found.cost) {
                        let last = Some((left, right));
                        found = Some(Best { cost, last });
                    }
                }
                left = (left - 1) & set;
            }
            if let Some(found) = found {
                best.insert(set, found);
            }
        }
        let mut order = Order::new();
        let mut todo = vec![self.all()];
        while let Some(set) = todo.pop() {
            if let Some((left, right)) = best.get(&set)?.last {
                order.push((left, right));
                todo.extend([left, right]);
            }
        }
        // Each set before those that it is a part of.
        order.reverse();
        Some(order)
    }

    /// Joins next the two sets of which the join has the fewest rows.
    fn greedy(&self) -> Option<Order> {
        let mut parts: Vec<Set> = self.relations().collect();
        let mut order = Order::new();
        while parts.len() > 1 {
            let mut least: Option<(f64, Set, Set)> = None;
            for (at, &left) in parts.iter().enumerate() {
                for &right in parts.iter().skip(at + 1) {
                    if !self.connects(left, right) {
                        continue;
                    }
                    let rows = self.rows_of(left | right);
                    if least.is_none_or(|(fewest, ..)| rows < fewest) {
                        least = Some((rows, left, right));
                    }
                }
            }
            let (_, left, right) = least?;
            parts.retain(|&part| part != left && part != right);
            parts.push(left | right);
            order.push((left, right));
        }
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of relations, each of which has the key of the next.
    fn chain(rows: &[f64]) -> Graph {
        let edges = rows.iter().zip(rows.iter().skip(1)).enumerate();
        let edge = |(at, (a, b)): (usize, (&f64, &f64))| (0b11 << at, a.max(*b));
        Graph {
            rows: rows.to_vec(),
            edges: edges.map(edge).collect(),
            conditions: Vec::new(),
        }
    }

    #[test]
    fn the_small_ends_come_first() {
        let graph = chain(&[1000.0, 1000.0, 1000.0, 10.0]);
        let order = graph.best().unwrap();
        assert_eq!(order, [(0b100, 0b1000), (0b10, 0b1100), (0b1, 0b1110)]);
        assert_eq!(graph.rows_of(0b1111), 10.0);
        assert_eq!(graph.cost(&order), 30.0 + 2.0 * 30.0);
    }

    #[test]
    fn what_is_not_connected_stays() {
        let mut graph = chain(&[10.0, 10.0, 10.0]);
        graph.edges.pop();
        assert!(graph.best().is_none());
        assert!(graph.greedy().is_none());
    }

    #[test]
    fn conditions_count_where_they_can_be_asked() {
        let mut graph = chain(&[100.0, 100.0, 100.0]);
        graph.conditions.push((0b110, 0.01));
        assert_eq!(graph.best().unwrap().first(), Some(&(0b100, 0b10)));
        assert_eq!(graph.rows_of(0b011), 100.0);
        assert_eq!(graph.rows_of(0b111), 1.0);
    }

    #[test]
    fn many_relations_are_joined_greedily() {
        let rows: Vec<f64> = (0..MAX_RELATIONS).map(|i| 1000.0 - i as f64).collect();
        let graph = chain(&rows);
        let order = graph.best().unwrap();
        assert_eq!(order.len(), MAX_RELATIONS - 1);
        assert_eq!(order.last().map(|(l, r)| l | r), Some(graph.all()));
        assert_eq!(order.first(), Some(&(1 << 62, 1 << 63)));
    }

    #[test]
    fn the_exhaustive_order_is_never_worse() {
        let graph = chain(&[5.0, 4000.0, 30.0, 200.0, 7.0, 90.0]);
        let best = graph.cost(&graph.exhaustive().unwrap());
        assert!(best <= graph.cost(&graph.greedy().unwrap()));
    }
}
