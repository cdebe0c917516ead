//! The listeners.

use super::billing::Upstream;
use super::desk::{self, Desk, Rooms};
use super::document::document;
use super::door::{self, Door, Way};
use super::heartbeat::{Beating, Heart};
use super::options::Options;
use super::remembered::Remembered;
use super::sight::Sight;
use super::table::table;
use super::tally::Tally;
use crate::agent::Event;
use crate::error::EdgeError;
use crate::local::{Household, SocketPlace};
use crate::secret::{self, TOKEN_CHARS_MIN};
use crate::serving::{self, Loopback, NoListener};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, Extension, RawPathParams, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, on};
use axum::serve::ListenerExt;
use axum::{Router, http::Method};
use brink_store::{Layout, machine};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::net::{TcpStream, UnixStream as Caller};

/// Connections at once by each way: hosts and pages of one machine.
const CONNECTIONS_MAX: usize = 64;

/// What the API stands beside.
#[derive(Debug)]
pub struct Around<'a> {
    /// The device directory.
    pub layout: &'a Layout,
    /// The agent's loop.
    pub agent: Sender<Event>,
    /// What is counted, for the agent's page.
    pub tally: Arc<Tally>,
    /// Trusted for the billing server instead of Mozilla's certificates.
    pub ca_pem: Option<&'a str>,
    /// The group of hosts, who may use the socket.
    pub group: Option<u32>,
}

/// The running API. It ends with the process; dropped, it takes its socket away.
#[derive(Debug)]
pub struct Api {
    address: Option<SocketAddr>,
    socket: Option<SocketPlace>,
    _heart: Option<Heart>,
}

impl Api {
    /// Listens as the options say, and begins to answer.
    pub fn start(options: &Options, around: Around<'_>) -> Result<Self, EdgeError> {
        let token = match (options.listen, &options.token_file) {
            (_, Some(file)) => Some(secret::read(file, TOKEN_CHARS_MIN)?),
            (Some(address), None) => return Err(no_token(address)),
            (None, None) => None,
        };
        let tcp = options.listen.map(listen).transpose()?;
        let socket = options.socket.as_deref().map(|path| place(path, around.group)).transpose()?;
        let address = tcp.as_ref().map(Loopback::address);
        let door = Door { token, origin: options.cors_origin.clone() };
        let desk = desk(options, &around, door)?;
        let heart = heart(options, &desk)?;
        let (listener, socket) = socket.unzip();
        start(app(Arc::new(desk)), (tcp, listener))?;
        Ok(Self { address, socket, _heart: heart })
    }

    /// Where it is reached on the loopback, with the real port.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_ref().map(|socket| socket.path().real())
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            socket.take_away();
        }
    }
}

pub(super) fn desk(options: &Options, around: &Around<'_>, door: Door) -> Result<Desk, EdgeError> {
    let billing =
        options.billing.as_ref().map(|billing| Upstream::new(billing, around.ca_pem)).transpose()?;
    let billing = billing.map(Arc::new);
    Ok(Desk {
        door,
        sight: Arc::new(Sight::open(around.layout)?),
        agent: around.agent.clone(),
        tally: Arc::clone(&around.tally),
        remembered: Remembered::default(),
        billing,
        document: document().to_string().into(),
        rooms: Rooms::default(),
        household: Household::own(),
        started: machine::boottime_seconds(),
    })
}

fn heart(options: &Options, desk: &Desk) -> Result<Option<Heart>, EdgeError> {
    let options = options.billing.as_ref().and_then(|billing| billing.heartbeats);
    let Some((options, upstream)) = options.zip(desk.billing.as_ref()) else { return Ok(None) };
    let (upstream, sight, tally) = (Arc::clone(upstream), Arc::clone(&desk.sight), Arc::clone(&desk.tally));
    Heart::start(Beating { upstream, sight, options, tally }).map(Some)
}

fn no_token(address: SocketAddr) -> EdgeError {
    EdgeError::Usage(format!(
        "--api-listen {address}: everybody on this machine reaches it, so it wants --api-token-file; make one with (umask 077; openssl rand -hex 32 > FILE), or give --api-socket instead"
    ))
}

fn listen(address: SocketAddr) -> Result<Loopback, EdgeError> {
    Loopback::on(address).map_err(|why| match why {
        NoListener::Elsewhere => EdgeError::Usage(format!(
            "--api-listen {address}: the API answers this machine alone; give 127.0.0.1 or [::1]"
        )),
        NoListener::Io(reason) => EdgeError::System { doing: "listen for the API", reason },
    })
}

/// A path that the operator named may be anything; only a socket that nobody listens on is replaced.
fn place(path: &Path, group: Option<u32>) -> Result<(UnixListener, SocketPlace), EdgeError> {
    let failed = |reason| EdgeError::Socket { socket: path.to_owned(), reason };
    if let Ok(there) = path.symlink_metadata() {
        if !there.file_type().is_socket() {
            let why = format!("--api-socket {}: something else has that name", path.display());
            return Err(EdgeError::Usage(why));
        }
        if UnixStream::connect(path).is_ok() {
            let why = format!("--api-socket {}: somebody listens on it already", path.display());
            return Err(EdgeError::Usage(why));
        }
    }
    let (listener, place) = SocketPlace::bind(path, group).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok((listener, place))
}

/// The router: the table, and the door before it.
fn app(desk: Arc<Desk>) -> Router {
    let mut app = Router::new();
    for route in table() {
        let (path, filter) = (route.path, filter(&route.method));
        let (desk, route) = (Arc::clone(&desk), Arc::new(route));
        let handler = move |named: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            desk::answer(Arc::clone(&desk), Arc::clone(&route), named, request)
        };
        app = app.route(path, on(filter, handler));
    }
    app.fallback(desk::nowhere)
        .method_not_allowed_fallback(desk::not_so)
        .layer(from_fn_with_state(desk, door::enter))
        // Each route has its own.
        .layer(DefaultBodyLimit::disable())
}

fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

fn start(app: Router, (tcp, unix): (Option<Loopback>, Option<UnixListener>)) -> Result<(), EdgeError> {
    let failed = |reason| EdgeError::System { doing: "serve the API", reason };
    if let Some(tcp) = tcp {
        let app = app.clone().layer(Extension(Way::Loopback));
        let serving = async move {
            // An answer is small and written at once; waiting for more to send only delays it.
            let listener = tcp.into_tokio()?.tap_io(|stream: &mut TcpStream| drop(stream.set_nodelay(true)));
            serving::serve(listener, CONNECTIONS_MAX, |_| app.clone()).await
        };
        serving::on_a_thread("brink-api", serving).map_err(failed)?;
    }
    if let Some(unix) = unix {
        let household = Household::own();
        let serving = async move {
            let listener = tokio::net::UnixListener::from_std(unix)?;
            let app = |caller: &Caller| app.clone().layer(Extension(Way::Socket(household.peer(caller))));
            serving::serve(listener, CONNECTIONS_MAX, app).await
        };
        serving::on_a_thread("brink-api-sock", serving).map_err(failed)?;
    }
    Ok(())
}
