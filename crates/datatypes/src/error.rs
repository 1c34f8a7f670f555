//! The one error type of Esker: whose fault it is, and where it happened.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A result whose error is Esker's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by blame.
///
/// The variants say who can mend it: the caller (`InvalidInput` to `Unsupported`), the data
/// (`Evaluation`, `Data`), the machine (`Io`, `ResourcesExhausted`), or us (`Internal`).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument that makes no sense, whatever the data.
    #[error("{message}")]
    InvalidInput {
        /// What is wrong with it.
        message: String,
    },
    /// A column name that the input does not have.
    #[error("column '{name}' not found{}", suggestion(.name, .candidates))]
    ColumnNotFound {
        /// The name as it was written.
        name: String,
        /// The names that exist, in schema order.
        candidates: Vec<String>,
    },
    /// A column name that more than one column answers to.
    #[error("column '{name}' is ambiguous: it could be {}", .candidates.join(" or "))]
    AmbiguousColumn {
        /// The name as it was written.
        name: String,
        /// The columns that answer to it.
        candidates: Vec<String>,
    },
    /// An operation on types that it does not take.
    #[error("{message}")]
    TypeMismatch {
        /// Which operation, on which types, and what would do.
        message: String,
    },
    /// Something that Esker does not do (yet).
    #[error("not supported: {feature}")]
    Unsupported {
        /// The missing feature.
        feature: String,
    },
    /// A value on which an expression has no result: overflow, a failed cast.
    #[error("{message}")]
    Evaluation {
        /// The operation and the value.
        message: String,
    },
    /// A file whose contents are not what they should be.
    #[error("{message}")]
    Data {
        /// What was found, and what was wanted.
        message: String,
    },
    /// The operating system refused.
    #[error("{}: {message}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        message: String,
    },
    /// A limit (memory, disk) was reached.
    #[error("{message}")]
    ResourcesExhausted {
        /// Who asked for how much, and what the limit is.
        message: String,
    },
    /// The query was cancelled, or its handle dropped.
    #[error("the query was cancelled")]
    Cancelled,
    /// A bug in Esker.
    #[error("internal error: {message}; please report this")]
    Internal {
        /// What was not as it must be.
        message: String,
    },
}

/// Where an error happened: one fact, added on its way up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Context {
    /// In this file.
    File(PathBuf),
    /// At this line of the file, counted from 1.
    Line(u64),
    /// In this row group of the file, counted from 0.
    RowGroup(usize),
    /// In this column.
    Column(String),
    /// While computing this expression.
    Expr(String),
    /// In this plan node.
    Node(String),
    /// In this call of the user's program.
    Call {
        /// The method's name.
        method: &'static str,
        /// The caller's file and line.
        location: &'static Location<'static>,
    },
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in file '{}'", path.display()),
            Self::Line(line) => write!(f, "at line {line}"),
            Self::RowGroup(index) => write!(f, "in row group {index}"),
            Self::Column(name) => write!(f, "in column '{name}'"),
            Self::Expr(text) => write!(f, "in expression {text}"),
            Self::Node(text) => write!(f, "in {text}"),
            Self::Call { method, location } => write!(f, "in {method}() called at {location}"),
        }
    }
}

/// An error: a [kind](ErrorKind), the [places](Context) it passed on its way, and its source.
///
/// Cheap to clone, so that a lazy frame can keep its first mistake and return it many times.
///
/// ```
/// use esker_datatypes::Error;
/// let error = Error::data("expected 3 fields, found 2").at_line(7).in_file("a.csv");
/// assert_eq!(error.to_string(), "expected 3 fields, found 2 (at line 7, in file 'a.csv')");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    context: Vec<Context>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind, without context.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(Inner {
            kind,
            context: Vec::new(),
            source: None,
        }))
    }

    /// An error of this kind that another crate's error caused.
    pub fn external(kind: ErrorKind, source: impl StdError + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            kind,
            context: Vec::new(),
            source: Some(Arc::new(source)),
        }))
    }

    /// [`ErrorKind::InvalidInput`].
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput {
            message: message.into(),
        })
    }

    /// [`ErrorKind::ColumnNotFound`].
    pub fn column_not_found(name: impl Into<String>, candidates: Vec<String>) -> Self {
        Self::new(ErrorKind::ColumnNotFound {
            name: name.into(),
            candidates,
        })
    }

    /// [`ErrorKind::AmbiguousColumn`].
    pub fn ambiguous_column(name: impl Into<String>, candidates: Vec<String>) -> Self {
        Self::new(ErrorKind::AmbiguousColumn {
            name: name.into(),
            candidates,
        })
    }

    /// [`ErrorKind::TypeMismatch`].
    pub fn type_mismatch(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::TypeMismatch {
            message: message.into(),
        })
    }

    /// [`ErrorKind::Unsupported`].
    pub fn unsupported(feature: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported {
            feature: feature.into(),
        })
    }

    /// [`ErrorKind::Evaluation`].
    pub fn evaluation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Evaluation {
            message: message.into(),
        })
    }

    /// [`ErrorKind::Data`].
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data {
            message: message.into(),
        })
    }

    /// [`ErrorKind::Io`], from the system's error.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let message = source.to_string();
        Self::external(
            ErrorKind::Io {
                path: path.into(),
                message,
            },
            source,
        )
    }

    /// [`ErrorKind::ResourcesExhausted`].
    pub fn resources_exhausted(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ResourcesExhausted {
            message: message.into(),
        })
    }

    /// [`ErrorKind::Cancelled`].
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled)
    }

    /// [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal {
            message: message.into(),
        })
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where it happened, the innermost place first.
    pub fn context(&self) -> &[Context] {
        &self.0.context
    }

    /// Adds a place, outside of those it has.
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        Arc::make_mut(&mut self.0).context.push(context);
        self
    }

    /// Adds the file.
    #[must_use]
    pub fn in_file(self, path: impl AsRef<Path>) -> Self {
        self.with_context(Context::File(path.as_ref().to_owned()))
    }

    /// Adds the line of the file, counted from 1.
    #[must_use]
    pub fn at_line(self, line: u64) -> Self {
        self.with_context(Context::Line(line))
    }

    /// Adds the row group of the file, counted from 0.
    #[must_use]
    pub fn at_row_group(self, index: usize) -> Self {
        self.with_context(Context::RowGroup(index))
    }

    /// Adds the column.
    #[must_use]
    pub fn in_column(self, name: impl Into<String>) -> Self {
        self.with_context(Context::Column(name.into()))
    }

    /// Adds the expression, unless a smaller one is named already.
    #[must_use]
    pub fn in_expr(self, text: impl fmt::Display) -> Self {
        if self.context().iter().any(|c| matches!(c, Context::Expr(_))) {
            return self;
        }
        self.with_context(Context::Expr(shorten(&text.to_string())))
    }

    /// Adds the plan node.
    #[must_use]
    pub fn in_node(self, text: impl fmt::Display) -> Self {
        self.with_context(Context::Node(shorten(&text.to_string())))
    }

    /// Adds the user's call, unless one is named already.
    #[must_use]
    pub fn in_call(self, method: &'static str, location: &'static Location<'static>) -> Self {
        if self.call().is_some() {
            return self;
        }
        self.with_context(Context::Call { method, location })
    }

    /// The user's call that made the mistake, or the plan node that failed.
    pub fn call(&self) -> Option<(&'static str, &'static Location<'static>)> {
        self.context().iter().find_map(|c| match c {
            Context::Call { method, location } => Some((*method, *location)),
            _ => None,
        })
    }
}

/// Long expressions would drown the message.
fn shorten(text: &str) -> String {
    const LIMIT: usize = 200;
    if text.len() <= LIMIT {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(LIMIT);
    format!("{} ..", text.get(..end).unwrap_or_default())
}

/// `: did you mean 'x'?` when a name is near enough, else the names there are.
fn suggestion(name: &str, candidates: &[String]) -> String {
    const LISTED: usize = 20;
    let lower = name.to_lowercase();
    let nearest = candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= 1.max(c.chars().count().max(name.chars().count()) / 3))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, candidate)) => format!(": did you mean '{candidate}'?"),
        None if candidates.is_empty() => ": there are no columns".to_owned(),
        None => {
            let listed: Vec<&str> = candidates.iter().take(LISTED).map(String::as_str).collect();
            let rest = if candidates.len() > LISTED {
                ", .."
            } else {
                ""
            };
            format!(": the columns are {}{rest}", listed.join(", "))
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)?;
        if let Some((first, rest)) = self.0.context.split_first() {
            write!(f, " ({first}")?;
            for context in rest {
                write!(f, ", {context}")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    /// Like `Display`: `main() -> Result<()>` and `unwrap()` in tests print this one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|s| s.as_ref() as &(dyn StdError + 'static))
    }
}

impl From<arrow::error::ArrowError> for Error {
    /// Arrow is called with inputs we have checked: what it still refuses is our mistake, but for
    /// what it does not implement.
    fn from(error: arrow::error::ArrowError) -> Self {
        use arrow::error::ArrowError;
        let message = error.to_string();
        let kind = match &error {
            ArrowError::NotYetImplemented(_) => ErrorKind::Unsupported { feature: message },
            ArrowError::ComputeError(_)
            | ArrowError::ArithmeticOverflow(_)
            | ArrowError::DivideByZero => ErrorKind::Evaluation { message },
            _ => ErrorKind::Internal { message },
        };
        Self::external(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_near_or_absent() {
        let names = vec!["state".to_owned(), "salary".to_owned()];
        let text = |name: &str| Error::column_not_found(name, names.clone()).to_string();
        assert_eq!(
            text("stat"),
            "column 'stat' not found: did you mean 'state'?"
        );
        assert_eq!(
            text("State"),
            "column 'State' not found: did you mean 'state'?"
        );
        assert_eq!(
            text("xyz"),
            "column 'xyz' not found: the columns are state, salary"
        );
        assert_eq!(
            Error::column_not_found("a", vec![]).to_string(),
            "column 'a' not found: there are no columns"
        );
    }

    #[test]
    fn only_the_innermost_expression_and_call_are_kept() {
        let here = Location::caller();
        let error = Error::evaluation("overflow")
            .in_expr("#a + #b")
            .in_expr("(#a + #b) * #c")
            .in_call("select", here)
            .in_call("collect", here);
        assert_eq!(error.context().len(), 2);
        assert_eq!(error.call().map(|(method, _)| method), Some("select"));
    }

    #[test]
    fn io_errors_keep_their_source() {
        let error = Error::io(
            "no/such",
            std::io::Error::from(std::io::ErrorKind::NotFound),
        );
        assert!(error.to_string().starts_with("no/such: "), "{error}");
        assert!(error.source().is_some());
    }

    #[test]
    fn long_expressions_are_cut() {
        let error = Error::evaluation("overflow").in_expr("é".repeat(500));
        assert!(error.to_string().len() < 300);
    }
}
