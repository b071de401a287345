//! Who may connect and what they may do.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{Place, Program, Turn, exchange, fixture};

/// `nobody` in Debian; any user without rights would do.
const USER: u32 = 65_534;

fn by_user(place: &Place, args: &[&str]) -> (bool, String) {
    // The program may lie where a user cannot reach it.
    let copy = place.path("deadline-monitor");
    if !copy.exists() {
        fs::copy(env!("CARGO_BIN_EXE_deadline-monitor"), &copy).unwrap();
    }
    let mut command = Command::new(copy);
    let output = command.args(args).arg("--socket").arg(place.socket()).uid(USER).gid(USER).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_user_manages_own_programs_only_and_within_the_quota() {
    let name = "a_user_manages_own_programs_only_and_within_the_quota";
    if !nix::unistd::Uid::effective().is_root() {
        return println!("SKIPPED: {name}: only root can start programs of another user");
    }
    let Some(_turn) = Turn::take(name) else { return };
    let place = Place::new();
    let config = place.path("config.toml");
    fs::write(&config, "socket_mode = 0o666\n[limits]\ntargets_per_user = 2\nshare_per_user_percent = 10\n")
        .unwrap();
    let daemon = place.serve(&["--config", config.to_str().unwrap()]);
    let (own, roots) = (Program::of_user(USER), Program::sleeping());
    let (done, text) = by_user(&place, &["attach", "--pid", &roots.id().to_string()]);
    assert!(!done && text.contains("Not allowed: it belongs to another user"), "{text}");
    assert!(!roots.is_reserved());
    let (done, text) = by_user(&place, &["attach", "--pid", &own.id().to_string()]);
    assert!(done && text.contains("target 1: process"), "{text}");
    assert!(own.is_reserved(), "a user without any right of the kernel has a reservation");
    let id = daemon.add(&roots, "{}").to_string();
    for args in [["release", "--target", &id].as_slice(), &["set", &id, "--weight", "9"]] {
        let (done, text) = by_user(&place, args);
        assert!(!done && text.contains(&format!("Target {id} belongs to user 0")), "{text}");
    }
    let more: Vec<_> = (0..2).map(|_| Program::of_user(USER)).collect();
    let attach = |program: &Program, initial| {
        by_user(&place, &["attach", "--pid", &program.id().to_string(), "--initial", initial])
    };
    let (done, text) = attach(&more[0], "30ms");
    assert!(!done && text.contains("Quota used up"), "{text}");
    assert!(attach(&more[0], "1ms").0);
    let (done, text) = attach(&more[1], "1ms");
    assert!(!done && text.contains("User 65534 has 2 targets and may have no more"), "{text}");
    let (done, text) = by_user(&place, &["release", "--target", "1"]);
    assert!(done && !own.is_reserved(), "{text}");
}

#[test]
fn the_socket_has_the_mode_that_was_asked_for() {
    let place = Place::new();
    let _daemon = place.serve(&[]);
    assert_eq!(fs::metadata(place.socket()).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(fs::metadata(place.path("state/state")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn nothing_is_open_to_other_machines_without_tls_and_token() {
    let place = Place::new();
    for args in
        [["--listen", "0.0.0.0:0"].as_slice(), &["--listen", "[::]:0", "--token-file", "/etc/hostname"]]
    {
        let output = place.command(args).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && text.contains("that needs TLS (certificate, key) and a token"),
            "{text}"
        );
    }
    let open = place.path("open-token");
    fs::write(&open, "0123456789abcdef").unwrap();
    fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
    let output =
        place.command(&["--listen", "127.0.0.1:0", "--token-file", open.to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("everybody may read it"), "{text}");
}

/// The port that a daemon has got, from its log.
fn port(log: &str) -> u16 {
    let address = log.split("address=").nth(1).expect(log).split_whitespace().next().unwrap();
    address.rsplit(':').next().unwrap().parse().unwrap()
}

const TOKEN: &str = "a-token-of-24-characters";

#[test]
fn over_tls_a_token_may_everything_and_is_not_logged() {
    let place = Place::new();
    let token = place.path("token");
    fs::write(&token, TOKEN).unwrap();
    fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
    let (certificate, key) = (fixture("certificate.pem"), fixture("key.pem"));
    let files = [&token, &certificate, &key].map(|path| path.to_str().unwrap().to_owned());
    let daemon = place.serve(&[
        "--listen",
        "127.0.0.1:0",
        "--token-file",
        &files[0],
        "--certificate",
        &files[1],
        "--key",
        &files[2],
        "--log",
        "trace",
    ]);
    let mut log = daemon.logged();
    let port = port(&log);
    let plain = exchange(TcpStream::connect(("127.0.0.1", port)).unwrap(), "GET", "/v1/targets", "");
    assert!(plain.is_none(), "no answer without TLS: {plain:?}");
    let get = |path: &str, headers: &str| {
        let mut stream = tls(port);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
            .unwrap();
        let mut answer = String::new();
        // The end may come without a farewell.
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert!(get("/v1/targets", &format!("authorization: Bearer {TOKEN}\r\n")).starts_with("HTTP/1.1 200"));
    assert!(get("/v1/targets", "authorization: Bearer wrong\r\n").starts_with("HTTP/1.1 401"));
    assert!(get("/healthz", "").starts_with("HTTP/1.1 200"));
    log.push_str(&daemon.stop());
    assert!(!log.contains(TOKEN) && !log.contains("wrong\r"), "{log}");
}

fn tls(port: u16) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture("certificate.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let client = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    StreamOwned::new(client, TcpStream::connect(("127.0.0.1", port)).unwrap())
}

#[test]
fn connections_beyond_the_limit_are_closed_and_places_come_back() {
    let place = Place::new();
    let config = place.path("config.toml");
    fs::write(&config, "[limits]\nconnections = 8\n").unwrap();
    let daemon = place.serve(&["--config", config.to_str().unwrap()]);
    let open: Vec<_> = (0..20).map(|_| UnixStream::connect(place.socket()).unwrap()).collect();
    assert!(daemon.try_ask("GET", "/healthz", "").is_none());
    drop(open);
    crate::support::eventually("an answer", || daemon.try_ask("GET", "/healthz", "").is_some());
}
