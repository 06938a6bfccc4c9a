// Reads one JSON object per line. Writes the verdicts of Kubernetes' own admission plugin on the object's
// pod, under the baseline standard and under the restricted standard.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		metadata, spec := pod(lines.Bytes())
		for _, name := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
			level := api.LevelVersion{Level: name, Version: api.MajorMinorVersion(1, 34)}
			allowed := true
			for _, result := range evaluator.EvaluatePod(level, metadata, spec) {
				allowed = allowed && result.Allowed
			}
			fmt.Println(allowed)
		}
	}
}

// Returns the pod or the pod template of an object (as in the plugin's DefaultPodSpecExtractor).
func pod(line []byte) (*metav1.ObjectMeta, *corev1.PodSpec) {
	var kind metav1.TypeMeta
	read(line, &kind)
	switch kind.Kind {
	case "Pod":
		var pod corev1.Pod
		read(line, &pod)
		return &pod.ObjectMeta, &pod.Spec
	case "Deployment":
		var deployment appsv1.Deployment
		read(line, &deployment)
		return &deployment.Spec.Template.ObjectMeta, &deployment.Spec.Template.Spec
	case "CronJob":
		var job batchv1.CronJob
		read(line, &job)
		return &job.Spec.JobTemplate.Spec.Template.ObjectMeta, &job.Spec.JobTemplate.Spec.Template.Spec
	}
	panic(kind.Kind)
}

func read(line []byte, object any) {
	if err := json.Unmarshal(line, object); err != nil {
		panic(err)
	}
}
