# Storage nodes on Hetzner Cloud: a machine, a disk and a firewall each. deploy/README.md says how it is used.
# Machines are replaced, never changed under their data: `prevent_destroy` keeps a disk until somebody says otherwise.

terraform {
  required_version = ">= 1.5"
  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "~> 1.49"
    }
  }
}

provider "hcloud" {} # HCLOUD_TOKEN

resource "hcloud_firewall" "node" {
  name = "atoll-node"

  dynamic "rule" { # clients and peers, through the proxy with TLS (deploy/nginx)
    for_each = ["80", "443"]
    content {
      direction  = "in"
      protocol   = "tcp"
      port       = rule.value
      source_ips = ["0.0.0.0/0", "::/0"]
    }
  }

  rule {
    direction  = "in"
    protocol   = "tcp"
    port       = "22"
    source_ips = var.operator_networks
  }
}

resource "hcloud_volume" "data" {
  for_each = var.nodes
  name     = "${each.key}-data"
  location = each.value.location
  size     = each.value.data_gib

  lifecycle {
    prevent_destroy = true
  }
}

resource "hcloud_server" "node" {
  for_each     = var.nodes
  name         = each.key
  location     = each.value.location
  server_type  = each.value.size
  image        = "debian-12"
  ssh_keys     = var.ssh_keys
  firewall_ids = [hcloud_firewall.node.id]

  user_data = templatefile("${path.module}/../../cloud-init/node.yaml", {
    release_url    = var.release_url
    release_sha256 = var.release_sha256
    query_url      = var.query_url
    join_token     = var.join_tokens[each.key]
    public_url     = each.value.public_url
    data_device    = hcloud_volume.data[each.key].linux_device
  })

  lifecycle {
    ignore_changes = [user_data, image] # a token is used once; a machine is not made anew for the next one
  }
}

resource "hcloud_volume_attachment" "data" {
  for_each  = var.nodes
  volume_id = hcloud_volume.data[each.key].id
  server_id = hcloud_server.node[each.key].id
}

output "addresses" {
  description = "For DNS: the host of each node's public_url."
  value       = { for name, server in hcloud_server.node : name => server.ipv4_address }
}
