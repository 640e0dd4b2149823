//! Certificates of an authority that the tests make up, with openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An authority in a folder of its own.
pub struct Authority {
    folder: PathBuf,
}

/// A certificate and its key, PEM.
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

const NEW_KEY: [&str; 6] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"];

impl Authority {
    /// None, with a message, where openssl is not installed.
    pub fn new(folder: &Path) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            println!("skipped: openssl is not installed (apt-get install openssl)");
            return None;
        }
        std::fs::create_dir_all(folder).unwrap();
        let extensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
        std::fs::write(folder.join("extensions"), extensions).unwrap();
        let authority = Self { folder: folder.to_owned() };
        authority.openssl(
            [
                &["req", "-x509", "-subj", "/CN=authority", "-days", "2", "-out", "ca.pem"],
                &NEW_KEY[..],
                &["ca.key"],
            ]
            .concat(),
        );
        Some(authority)
    }

    /// The certificate to trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for this machine under the loopback names, signed by the authority; good for servers and clients.
    pub fn issue(&self, name: &str) -> Pair {
        let [subject, key, request, cert] =
            [format!("/CN={name}"), format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem")];
        self.openssl([&["req", "-subj", &subject, "-out", &request], &NEW_KEY[..], &[&key]].concat());
        let sign = ["x509", "-req", "-in", &request, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        self.openssl([&sign[..], &["-days", "2", "-extfile", "extensions", "-out", &cert]].concat());
        Pair { cert: self.folder.join(cert), key: self.folder.join(key) }
    }

    fn openssl(&self, arguments: Vec<&str>) {
        let output = Command::new("openssl").args(&arguments).current_dir(&self.folder).output().unwrap();
        assert!(
            output.status.success(),
            "openssl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
