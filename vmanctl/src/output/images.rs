//! `image list`.

use comfy_table::Cell;
use vman_core::client::IMAGE_PREFIX;
use vman_core::command::{Image, Images};
use vman_core::id::ByteSize;

use super::Look;
use super::paint::printable;
use super::table::{lines, table};

/// One line an image, then how full the store is.
pub fn text(images: &Images, look: Look) -> String {
    let used = format!("{} of {} used\n", ByteSize(images.used), ByteSize(images.capacity));
    if images.images.is_empty() {
        return format!("No images, {used}");
    }
    let mut table = table(&["IMAGE", "BYTES"], &[1]);
    table.add_rows(images.images.iter().map(row));
    lines(table, look) + &used
}

fn row(image: &Image) -> Vec<Cell> {
    let name = format!("{IMAGE_PREFIX}{}", printable(&image.digest));
    vec![Cell::new(name), Cell::new(image.size)]
}

#[cfg(test)]
mod tests {
    use super::super::samples::PLAIN;
    use super::*;

    #[test]
    fn images_are_named_as_deploy_takes_them() {
        let image = Image { digest: "ab".into(), size: 4097, received: 4097 };
        let images = Images { images: vec![image], capacity: 1 << 30, used: 4097 };
        assert_eq!(
            text(&images, PLAIN),
            "IMAGE            BYTES\nimage:sha256:ab   4097\n4097 B of 1 GiB used\n"
        );
        let images = Images { images: vec![], ..images };
        assert_eq!(text(&images, PLAIN), "No images, 4097 B of 1 GiB used\n");
    }
}
