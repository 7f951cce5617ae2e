# What a node is, in words of no provider; main.tf turns them into one provider's. For another one, only main.tf changes.

variable "nodes" {
  description = "The new nodes, by name: where they stand, their token, and how they are reached."
  type = map(object({
    location   = string # the provider's own name of a place
    size       = string # and of a machine
    data_gib   = number # of the disk for images
    public_url = string
  }))
}

variable "join_tokens" {
  description = "Of `atoll node join-token NAME …`, by node. Worthless once used; made just before `terraform apply`."
  type        = map(string)
  sensitive   = true
}

variable "release_url" {
  description = "The source archive of the release that the cluster runs."
  type        = string
}

variable "release_sha256" {
  description = "Its digest, from the release's page."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.release_sha256))
    error_message = "A SHA-256 has 64 hexadecimal digits."
  }
}

variable "query_url" {
  description = "A query service of the cluster."
  type        = string
}

variable "operator_networks" {
  description = "Networks (CIDR) that may log in by SSH."
  type        = list(string)
}

variable "ssh_keys" {
  description = "Names of SSH keys that the provider has."
  type        = list(string)
}
