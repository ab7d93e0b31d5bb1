/** Stands in for programs whose images the lab can't have: answers what a probe asks, and does nothing else. */
package platform.standin;
