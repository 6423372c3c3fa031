//! Load over HTTP/2: POST, a window of streams on each of a few kept connections (RFC 8484).

use super::linux::{Args, Queries, Run, now};
use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, body::Bytes, client::conn::http2, header::CONTENT_TYPE};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use std::{cell::RefCell, path::Path, rc::Rc, sync::Arc, time::Instant};
use tokio::{
    net::TcpStream,
    task::{LocalSet, spawn_local},
};
use tokio_rustls::TlsConnector;

const CONNECTIONS: usize = 10;

/// What the connections share, all on one thread.
struct Shared {
    queries: RefCell<Queries>,
    run: RefCell<Run>,
    secs: f64,
    start: Instant,
}

/// Keeps a window of queries outstanding, spread over the connections. `certificate` is what the server shows, for `localhost`.
pub(super) fn saturate(args: &Args, queries: Queries, certificate: &Path) -> anyhow::Result<Run> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).context("`--https`")?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let shared = Rc::new(Shared {
        queries: RefCell::new(queries),
        run: RefCell::default(),
        secs: args.secs,
        start: now(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(args.server).await?;
            stream.set_nodelay(true)?;
            let stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
            let executor = TokioExecutor::new();
            let (sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            for _ in 0..(args.window / CONNECTIONS).max(1) {
                streams.push(spawn_local(post(Rc::clone(&shared), sender.clone())));
            }
        }
        for stream in streams {
            stream.await??;
        }
        anyhow::Ok(())
    })?;
    let mut run = shared.run.take();
    run.secs = shared.start.elapsed().as_secs_f64();
    Ok(run)
}

async fn post(
    shared: Rc<Shared>,
    mut sender: http2::SendRequest<Full<Bytes>>,
) -> anyhow::Result<()> {
    while shared.start.elapsed().as_secs_f64() < shared.secs {
        let query = Bytes::copy_from_slice(shared.queries.borrow_mut().next());
        let request = Request::builder()
            .method(Method::POST)
            .uri("https://localhost/dns-query")
            .header(CONTENT_TYPE, "application/dns-message")
            .body(Full::new(query))?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        anyhow::ensure!(response.status().is_success(), "{}", response.status());
        let body = response.into_body().collect().await?.to_bytes();
        shared.run.borrow_mut().count(&body);
    }
    Ok(())
}
