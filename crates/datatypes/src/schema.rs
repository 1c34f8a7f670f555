//! Schemas: fields with identity, name, qualifiers and type.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field as ArrowField, Metadata, Schema as ArrowSchema};

use crate::{Error, Result, value_type};

/// A shared string: the name of a column, table or qualifier.
pub type Name = Arc<str>;

/// A shared schema.
pub type SchemaRef = Arc<Schema>;

/// The identity of a column within a plan.
///
/// Names are for people; rules and planners follow ids. Each scan and each computed column makes a
/// fresh one, unique in the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId(u64);

impl ColumnId {
    /// An id that no other column has.
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Debug for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A column of a schema.
#[derive(Clone, Debug)]
pub struct Field {
    id: ColumnId,
    qualifiers: Arc<[Name]>,
    name: Name,
    data_type: DataType,
    nullable: bool,
    metadata: Metadata,
}

impl Field {
    /// A column with a fresh id and no qualifier.
    pub fn new(name: impl Into<Name>, data_type: DataType, nullable: bool) -> Self {
        Self {
            id: ColumnId::fresh(),
            qualifiers: Arc::from([]),
            name: name.into(),
            data_type,
            nullable,
            metadata: Metadata::default(),
        }
    }

    /// The same column under this id.
    #[must_use]
    pub fn with_id(mut self, id: ColumnId) -> Self {
        self.id = id;
        self
    }

    /// The same column, answering to these qualifiers and no others.
    #[must_use]
    pub fn with_qualifiers(mut self, qualifiers: impl Into<Arc<[Name]>>) -> Self {
        self.qualifiers = qualifiers.into();
        self
    }

    /// The same column under this name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Name>) -> Self {
        self.name = name.into();
        self
    }

    /// The same column of another type.
    #[must_use]
    pub fn with_type(mut self, data_type: DataType) -> Self {
        self.data_type = data_type;
        self
    }

    /// The same column, which may hold nulls or not.
    #[must_use]
    pub fn with_nullable(mut self, nullable: bool) -> Self {
        self.nullable = nullable;
        self
    }

    /// The column's identity.
    pub fn id(&self) -> ColumnId {
        self.id
    }

    /// The names of the frames it belongs to: none for an unqualified frame, one after
    /// `alias("o")`, several for a coalesced join key.
    pub fn qualifiers(&self) -> &[Name] {
        &self.qualifiers
    }

    /// The column's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The column's logical type.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// Whether the column may hold nulls; one of the type `Null` does, whatever was declared.
    pub fn nullable(&self) -> bool {
        self.nullable || *value_type(&self.data_type) == DataType::Null
    }

    /// `o.id`, or `id` where there is no qualifier.
    pub fn qualified_name(&self) -> String {
        match self.qualifiers.first() {
            Some(qualifier) => format!("{qualifier}.{}", self.name),
            None => self.name.to_string(),
        }
    }

    /// The Arrow field of this name and type.
    pub fn to_arrow(&self) -> ArrowField {
        ArrowField::new(self.name.as_ref(), self.data_type.clone(), self.nullable())
            .with_metadata(self.metadata.clone())
    }

    /// A column like this Arrow field, with a fresh id.
    pub fn from_arrow(field: &ArrowField) -> Self {
        Self {
            metadata: field.metadata().clone(),
            ..Self::new(
                field.name().as_str(),
                field.data_type().clone(),
                field.is_nullable(),
            )
        }
    }
}

/// The columns of a relation, in order.
///
/// ```
/// use esker_datatypes::{DataType, Field, Schema};
/// let schema = Schema::new(vec![
///     Field::new("id", DataType::Int64, false),
///     Field::new("name", DataType::Utf8View, true),
/// ]);
/// assert_eq!(schema.resolve("name")?, 1);
/// assert!(schema.resolve("nam").unwrap_err().to_string().contains("did you mean 'name'?"));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Schema {
    fields: Vec<Field>,
    by_id: OnceLock<HashMap<ColumnId, usize>>,
    by_name: OnceLock<HashMap<Name, Vec<usize>>>,
}

impl Schema {
    /// A schema of these columns.
    pub fn new(fields: Vec<Field>) -> Self {
        Self {
            fields,
            by_id: OnceLock::new(),
            by_name: OnceLock::new(),
        }
    }

    /// The columns of an Arrow schema, with fresh ids.
    pub fn from_arrow(schema: &ArrowSchema) -> Self {
        Self::new(
            schema
                .fields()
                .iter()
                .map(|f| Field::from_arrow(f))
                .collect(),
        )
    }

    /// The Arrow schema of these names and types.
    ///
    /// Where two columns share a name, their qualified names are delivered (`o.x`, `c.x`).
    pub fn to_arrow(&self) -> arrow::datatypes::SchemaRef {
        let fields: Vec<ArrowField> = self
            .fields
            .iter()
            .map(|f| match self.named(f.name()) {
                [_] => f.to_arrow(),
                _ => f.to_arrow().with_name(f.qualified_name()),
            })
            .collect();
        Arc::new(ArrowSchema::new(fields))
    }

    /// The columns, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The column at this position.
    pub fn field(&self, index: usize) -> Option<&Field> {
        self.fields.get(index)
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The position of the column with this identity.
    pub fn index_of(&self, id: ColumnId) -> Option<usize> {
        // A scan beats a map for the narrow schemas that most plans have.
        if self.fields.len() <= 16 {
            return self.fields.iter().position(|f| f.id == id);
        }
        let map = self.by_id.get_or_init(|| {
            self.fields
                .iter()
                .enumerate()
                .rev()
                .map(|(i, f)| (f.id, i))
                .collect()
        });
        map.get(&id).copied()
    }

    /// The column with this identity.
    pub fn field_of(&self, id: ColumnId) -> Option<&Field> {
        self.index_of(id).and_then(|i| self.fields.get(i))
    }

    /// The positions of the columns with this name, whatever their qualifier.
    pub fn named(&self, name: &str) -> &[usize] {
        let map = self.by_name.get_or_init(|| {
            let mut map: HashMap<Name, Vec<usize>> = HashMap::new();
            for (i, field) in self.fields.iter().enumerate() {
                map.entry(field.name.clone()).or_default().push(i);
            }
            map
        });
        map.get(name).map_or(&[], Vec::as_slice)
    }

    /// The position of the one column that a name, as the user wrote it, means.
    ///
    /// A column of that whole name wins; else the text is split at its first dot into qualifier
    /// and column. Names are case-exact.
    ///
    /// # Errors
    /// `ColumnNotFound` with the names there are, `AmbiguousColumn` when several columns answer,
    /// also when the whole name and the split one both do.
    pub fn resolve(&self, text: &str) -> Result<usize> {
        let mut found = self.named(text).to_vec();
        if let Some((qualifier, name)) = text.split_once('.') {
            found.extend(self.named(name).iter().copied().filter(|&i| {
                self.fields
                    .get(i)
                    .is_some_and(|f| f.qualifiers.iter().any(|q| q.as_ref() == qualifier))
            }));
        }
        found.sort_unstable();
        found.dedup();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::column_not_found(text, self.candidates(text))),
            many => {
                let names = many.iter().filter_map(|&i| self.fields.get(i));
                Err(Error::ambiguous_column(
                    text,
                    names.map(|f| format!("'{}'", f.qualified_name())).collect(),
                ))
            }
        }
    }

    /// The names to suggest from: bare ones for a bare name, all for one with a dot.
    fn candidates(&self, text: &str) -> Vec<String> {
        let qualified = text.contains('.');
        self.fields
            .iter()
            .map(|f| {
                if qualified {
                    f.qualified_name()
                } else {
                    f.name.to_string()
                }
            })
            .collect()
    }
}

impl FromIterator<Field> for Schema {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        Self::new(fields.into_iter().collect())
    }
}

impl fmt::Display for Schema {
    /// `id: Int64, name: Utf8View?`: a question mark where nulls may be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, field) in self.fields.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            let null = if field.nullable() { "?" } else { "" };
            write!(f, "{}: {}{null}", field.qualified_name(), field.data_type)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(qualifier: &str, name: &str) -> Field {
        let field = Field::new(name, DataType::Int64, true);
        if qualifier.is_empty() {
            field
        } else {
            field.with_qualifiers([Name::from(qualifier)])
        }
    }

    #[test]
    fn resolve_finds_the_one_column_meant() {
        let schema = Schema::new(vec![
            field("o", "id"),
            field("c", "id"),
            field("o", "x"),
            field("", "a.b"),
            field("a", "c"),
            field("", "o.x"),
        ]);
        let check = |name: &str, want: Result<usize, &str>| match (schema.resolve(name), want) {
            (Ok(found), Ok(want)) => assert_eq!(found, want, "{name}"),
            (Err(error), Err(want)) => assert!(error.to_string().contains(want), "{error}"),
            (found, want) => panic!("{name}: {found:?} instead of {want:?}"),
        };
        check("o.id", Ok(0));
        check("c.id", Ok(1));
        check("id", Err("it could be 'o.id' or 'c.id'"));
        check("x", Ok(2));
        check("a.b", Ok(3));
        check("a.c", Ok(4));
        check("o.x", Err("ambiguous"));
        check("X", Err("did you mean 'x'?"));
        check("b.id", Err("did you mean"));
        check("", Err("not found"));
    }

    #[test]
    fn a_column_of_nulls_holds_nulls() {
        assert!(Field::new("n", DataType::Null, false).nullable());
        assert!(!Field::new("n", DataType::Int8, false).nullable());
    }

    #[test]
    fn wide_schemas_find_by_id_too() {
        let schema: Schema = (0..100).map(|i| field("", &format!("c{i}"))).collect();
        for (i, field) in schema.fields().iter().enumerate() {
            assert_eq!(schema.index_of(field.id()), Some(i));
        }
        assert_eq!(schema.index_of(ColumnId::fresh()), None);
    }

    #[test]
    fn equal_names_are_delivered_with_their_qualifier() {
        let schema = Schema::new(vec![field("o", "x"), field("c", "x"), field("c", "y")]);
        let arrow = schema.to_arrow();
        let names: Vec<&str> = arrow.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, ["o.x", "c.x", "y"]);
    }
}
