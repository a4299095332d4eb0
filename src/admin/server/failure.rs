//! `Failure`: the one place where an error becomes problem details.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::admin::api::{FieldProblem, PROBLEM_MEDIA_TYPE, Problem};

/// A request that was not done; nothing was changed.
#[derive(Debug)]
pub struct Failure(Box<Problem>);

impl Failure {
    /// A failure that its status explains.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Failure {
        let title = status.canonical_reason().unwrap_or("Failure");
        Failure(Box::new(Problem::of_status(status.as_u16(), title, detail)))
    }

    /// There is no such resource.
    pub fn not_found(detail: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, detail)
    }

    /// The checks object.
    pub fn invalid(problems: Vec<FieldProblem>) -> Failure {
        Failure(Box::new(Problem::invalid_definition(problems)))
    }

    /// Rows of a table hold mistakes, of which `first` are told.
    pub fn invalid_rows(first: Vec<FieldProblem>, total: u64) -> Failure {
        let told = first.len() as u64;
        let mut problem = Problem::invalid_definition(first);
        if total > told {
            problem.detail = format!("{total} mistakes were found; nothing was changed; these are the first {told}");
        }
        Failure(Box::new(problem))
    }

    /// The problem details themselves.
    pub fn into_problem(self) -> Problem {
        *self.0
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(*self.0)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
        response
    }
}
