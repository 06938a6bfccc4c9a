// The Kubernetes provider's plugin. It has no schema: of what is made here, only an import would ask for it.
package main

import "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"

var version string // the linker's -X

func main() { provider.Serve("kubernetes", version, []byte("{}"), nil) }
