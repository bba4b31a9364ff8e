// SPDX-License-Identifier: Apache-2.0
// Ten thousand goroutines.
package main

import (
	"fmt"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	ch := make(chan int)
	for i := 0; i < 10000; i++ {
		wg.Add(1)
		go func(i int) { defer wg.Done(); ch <- i % 7 }(i)
	}
	go func() { wg.Wait(); close(ch) }()
	s := 0
	for v := range ch {
		s += v
	}
	fmt.Println(s)
}
