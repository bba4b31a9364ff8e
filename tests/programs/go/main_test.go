// SPDX-License-Identifier: Apache-2.0
package main

import (
	"os/exec"
	"sync/atomic"
	"testing"
	"time"
)

func TestTimersAndPreemption(t *testing.T) {
	var turns int64
	stop := time.After(50 * time.Millisecond)
	go func() { // never yields of itself
		for {
			atomic.AddInt64(&turns, 1)
		}
	}()
	<-stop
	if atomic.LoadInt64(&turns) == 0 {
		t.Fatal("the spinning goroutine never ran")
	}
}

func TestChildProcess(t *testing.T) {
	out, err := exec.Command("/bin/echo", "from a child").Output()
	if err != nil || string(out) != "from a child\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

func TestNilPointerIsRecovered(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("expected a panic")
		}
	}()
	var p *int
	*p = 1
}
