//! The read-only socket has no route that changes or reveals: every route there is, is tried.

use std::sync::Arc;

use axum::http::Method;
use tokio::sync::oneshot;

use super::world::World;
use crate::admin::server::{Access, AdminSocket, routes, serve};

#[tokio::test]
async fn no_route_that_changes_or_reveals_is_there() {
    let mut world = World::new().await;
    let (_stop, stopped) = oneshot::channel::<()>();
    let socket = world.socket.with_file_name("read.sock");
    let service = Arc::clone(&world.service);
    let bound = AdminSocket::bind(&socket).unwrap();
    let serving = tokio::spawn(serve(bound, service, Access::ReadOnly, async {
        let _ = stopped.await;
    }));
    world.socket = socket;
    let mut refused = 0;
    for route in routes() {
        let path = route.path.replace("{key}", "x").replace("{endpoint}", "x").replace("{id}", "1");
        let answer = world.ask(route.method.as_str(), &path, "application/json", "{}").await;
        match route.needs {
            Access::ReadOnly => {
                assert_eq!(route.method, Method::GET);
                assert_ne!(answer.status, 403, "{path}: {answer:?}");
            }
            Access::Full => {
                assert_eq!(answer.status, 403, "{} {path}: {answer:?}", route.method);
                assert!(answer.json()["detail"].as_str().unwrap().contains("read-only"));
                refused += 1;
            }
        }
    }
    assert!(refused > 15, "{refused}");
    serving.abort();
}
