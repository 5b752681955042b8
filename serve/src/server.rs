//! Listening, and ending in order.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tessera_audio::AudioCodec;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::error::{Error, Result};
use crate::options::Options;
use crate::routes::{self, Shared};
use crate::session::{Surroundings, ended};
use crate::workers::{Workers, warm};

/// Connections beyond those of the streams: pages, and clients that are about to open a stream.
const SPARE_CONNECTIONS: usize = 32;
/// Bytes of a request's head.
const LARGEST_HEAD: usize = 1 << 14;
/// How long to wait where the system has no room for a connection.
const BREATH: Duration = Duration::from_millis(100);

/// A server that listens and is ready to run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    end: watch::Sender<bool>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Listens, and loads the networks. `threads` of them run at once: as many as the codec has sessions.
    ///
    /// # Errors
    /// [`Error::Option`] and [`Error::Unprotected`] for options that are no good, [`Error::Listen`] where the address cannot be
    /// listened on, [`Error::Codec`] where the networks do not run.
    pub async fn bind(codec: AudioCodec, threads: usize, options: Options) -> Result<Self> {
        options.check()?;
        let address = options.listen;
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let warmed = codec.clone();
        if let Ok(outcome) = tokio::task::spawn_blocking(move || warm(&warmed, threads)).await {
            outcome?;
        }
        let (end, ending) = watch::channel(false);
        let streams = Arc::new(Semaphore::new(options.max_streams));
        let surroundings = Surroundings { workers: Workers::new(threads), options, ending };
        let shared = Arc::new(Shared { codec, surroundings, streams, served: AtomicU64::new(0) });
        Ok(Self { listener, address, shared, end })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until `stop` is ready. Then it accepts nothing more, and every stream gets what was coded of it and a last message, for
    /// as long as the options give it.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let options = self.shared.surroundings.options.clone();
        let router = routes::router(Arc::clone(&self.shared));
        let connections = Arc::new(Semaphore::new(options.max_streams + SPARE_CONNECTIONS));
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener, &connections) => accepted,
            };
            let (stream, permit) = accepted;
            // Packets of a few bytes must not wait for one another.
            let _ = stream.set_nodelay(true);
            let ending = self.shared.surroundings.ending.clone();
            let connection = serve(stream, router.clone(), options.stall, ending);
            tokio::spawn(async move {
                connection.await;
                drop(permit);
            });
        }
        drop(self.listener);
        let _ = self.end.send(true);
        let all = async |room: &Semaphore, count: usize| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            room.acquire_many(count).await.map(drop)
        };
        let streams = all(&self.shared.streams, options.max_streams);
        let requests = all(&connections, options.max_streams + SPARE_CONNECTIONS);
        let _ = timeout(options.grace, async { tokio::join!(streams, requests) }).await;
    }
}

/// The next connection, once there is room for one.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            // The semaphore is never closed.
            std::future::pending().await
        };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            // A client that went away at once, or no file descriptors left.
            Err(_) => sleep(BREATH).await,
        }
    }
}

/// Serves one connection. When the server ends, a request that is under way is still answered.
async fn serve(stream: TcpStream, router: Router, patience: Duration, ending: watch::Receiver<bool>) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(LARGEST_HEAD);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).with_upgrades();
    let mut connection = pin!(connection);
    // What a client does to its connection concerns nobody else, so errors end here.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = ended(ending) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
