package rule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// mostNodes bounds the size, and so the cost, of an expression.
const mostNodes = 200

// tri is a truth value that knows "no data" (Kleene's strong logic of three values): an unknown
// condition neither raises nor clears, and "unknown or true" is true.
type tri int8

const (
	no      tri = -1
	unknown tri = 0
	yes     tri = 1
)

func truth(b bool) tri {
	if b {
		return yes
	}
	return no
}

// condition judges the sensors of a rule at one moment.
type condition func(f *frame) tri

// number is a value at one moment; ok is false where there is no data.
type number func(f *frame) (value float64, ok bool)

// clause is a condition of an expression, or a part of one: what judges it, and what it is made of, for
// telling a person what decided. One of not, parts and compared is set; none where it is plain true or false.
type clause struct {
	holds    condition
	not      *clause
	parts    []*clause   // of "and" and "or"
	compared *comparison // of two numbers
}

// comparison is "rise("30m") > 0.8".
type comparison struct {
	operator    string // one of < <= > >=
	left, right operand
	text        string // as written, but for spaces and quotes
}

// operand is one side of a comparison.
type operand struct {
	value    number
	fixed    bool          // it reads no sensor
	function string        // the one function it is a call of; empty where it is anything else
	window   time.Duration // of a window function
	of       int           // place of its sensor among the rule's
}

// parsed is an expression that was checked but not yet bound to the sensors of a rule.
type parsed struct {
	root    ast.Node
	sources []source      // named in it besides the rule's own
	window  time.Duration // the longest in it
}

// windowFunctions take a window and, as a second argument, may name another sensor. With its two plain
// functions, level and at, this is all that an expression can call.
var windowFunctions = []string{"rise", "fall", "max", "min", "mean", "sum", "delta"} // a constant list

// parseExpression parses and type-checks an expression with expr-lang and walks its tree: only
// arithmetic, comparison, logic and the functions above may stand in it, so that no loop, closure or
// member access can, and its cost is bounded by its length and its windows.
func parseExpression(text string) (*parsed, error) {
	options := []expr.Option{
		expr.Env(map[string]any{}), expr.AsBool(), expr.Optimize(false), expr.MaxNodes(mostNodes), expr.DisableAllBuiltins(),
		declare("level", new(func(string) float64), new(func() float64)),
		declare("at", new(func(string) float64)),
	}
	for _, name := range windowFunctions {
		options = append(options, declare(name, new(func(string, string) float64), new(func(string) float64)))
	}
	program, err := expr.Compile(text, options...)
	if err != nil {
		return nil, plain(err)
	}
	p := &parsed{root: program.Node()}
	_, err = p.condition(p.root, p.note)
	return p, err
}

// declare makes a function known to the type checker. It is never run: the tree is (see bind).
func declare(name string, types ...any) expr.Option {
	return expr.Function(name, func(...any) (any, error) { return nil, errors.New("not run by the virtual machine") }, types...)
}

// plain takes the sentence and the place out of expr's error, which spreads over several lines.
func plain(err error) error {
	var at *file.Error
	if errors.As(err, &at) {
		return fmt.Errorf("column %d: %s", at.Column+1, at.Message)
	}
	return fmt.Errorf("%s", strings.SplitN(err.Error(), "\n", 2)[0])
}

// note collects the sensors an expression names while it is checked.
func (p *parsed) note(s source) int {
	p.sources = append(p.sources, s)
	return 0
}

// bind makes the expression ready to judge; place gives each named sensor its place among the rule's.
func (p *parsed) bind(place func(source) int) *clause {
	c, err := p.condition(p.root, place)
	if err != nil { // parseExpression walked the same tree
		return &clause{holds: func(*frame) tri { return unknown }}
	}
	return c
}

func fault(node ast.Node, format string, args ...any) error {
	return fmt.Errorf("column %d: %s", node.Location().From+1, fmt.Sprintf(format, args...))
}

// condition turns a node that must be true or false into what judges it and can say it.
func (p *parsed) condition(node ast.Node, place func(source) int) (*clause, error) {
	switch n := node.(type) {
	case *ast.BoolNode:
		value := truth(n.Value)
		return &clause{holds: func(*frame) tri { return value }}, nil
	case *ast.UnaryNode:
		if n.Operator != "!" && n.Operator != "not" {
			return nil, fault(n, "%q gives a number where true or false is needed", n.Operator)
		}
		inner, err := p.condition(n.Node, place)
		if err != nil {
			return nil, err
		}
		return &clause{holds: func(f *frame) tri { return -inner.holds(f) }, not: inner}, nil
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and", "||", "or":
			return p.logic(n, place)
		}
		return p.comparison(n, place)
	}
	return nil, fault(node, "%s is not a condition; right would be a comparison such as level() > 3.6", node)
}

func (p *parsed) logic(n *ast.BinaryNode, place func(source) int) (*clause, error) {
	left, err := p.condition(n.Left, place)
	if err != nil {
		return nil, err
	}
	right, err := p.condition(n.Right, place)
	if err != nil {
		return nil, err
	}
	if n.Operator == "&&" || n.Operator == "and" {
		return &clause{parts: []*clause{left, right}, holds: func(f *frame) tri {
			if l := left.holds(f); l != no {
				return min(l, right.holds(f))
			}
			return no
		}}, nil
	}
	return &clause{parts: []*clause{left, right}, holds: func(f *frame) tri {
		if l := left.holds(f); l != yes {
			return max(l, right.holds(f))
		}
		return yes
	}}, nil
}

func (p *parsed) comparison(n *ast.BinaryNode, place func(source) int) (*clause, error) {
	var holds func(l, r float64) bool
	switch n.Operator {
	case "<":
		holds = func(l, r float64) bool { return l < r }
	case "<=":
		holds = func(l, r float64) bool { return l <= r }
	case ">":
		holds = func(l, r float64) bool { return l > r }
	case ">=":
		holds = func(l, r float64) bool { return l >= r }
	default:
		return nil, fault(n, "%q is not one of < <= > >= && || !", n.Operator)
	}
	left, right, err := p.pair(n, place)
	if err != nil {
		return nil, err
	}
	return &clause{
		compared: &comparison{operator: n.Operator, left: left, right: right, text: n.String()},
		holds: func(f *frame) tri {
			l, known := left.value(f)
			if !known {
				return unknown
			}
			r, known := right.value(f)
			if !known {
				return unknown
			}
			return truth(holds(l, r))
		},
	}, nil
}

func (p *parsed) pair(n *ast.BinaryNode, place func(source) int) (left, right operand, err error) {
	if left, err = p.number(n.Left, place); err != nil {
		return left, right, err
	}
	right, err = p.number(n.Right, place)
	return left, right, err
}

// number turns a node that must be a number into a function.
func (p *parsed) number(node ast.Node, place func(source) int) (operand, error) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return fixed(float64(n.Value)), nil
	case *ast.FloatNode:
		return fixed(n.Value), nil
	case *ast.UnaryNode:
		inner, err := p.number(n.Node, place)
		if n.Operator != "-" || err != nil {
			return inner, err
		}
		return operand{fixed: inner.fixed, value: func(f *frame) (float64, bool) { v, ok := inner.value(f); return -v, ok }}, nil
	case *ast.BinaryNode:
		return p.arithmetic(n, place)
	case *ast.CallNode:
		return p.call(n, place)
	}
	return operand{}, fault(node, "%s is not a number; right would be a value, or one of level(), rise(w), fall(w), max(w), min(w), mean(w), sum(w), delta(w), at(\"station/sensor\")", node)
}

func fixed(v float64) operand {
	return operand{fixed: true, value: func(*frame) (float64, bool) { return v, true }}
}

func (p *parsed) arithmetic(n *ast.BinaryNode, place func(source) int) (operand, error) {
	var combine func(l, r float64) float64
	switch n.Operator {
	case "+":
		combine = func(l, r float64) float64 { return l + r }
	case "-":
		combine = func(l, r float64) float64 { return l - r }
	case "*":
		combine = func(l, r float64) float64 { return l * r }
	case "/":
		combine = func(l, r float64) float64 { return l / r }
	default:
		return operand{}, fault(n, "%q is not one of + - * /", n.Operator)
	}
	left, right, err := p.pair(n, place)
	return operand{fixed: left.fixed && right.fixed, value: func(f *frame) (float64, bool) {
		l, known := left.value(f)
		if !known {
			return 0, false
		}
		r, known := right.value(f)
		v := combine(l, r)
		return v, known && finite(v) // a division by zero is no data, not a flood
	}}, err
}

func (p *parsed) call(n *ast.CallNode, place func(source) int) (operand, error) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return operand{}, fault(n, "%s cannot be called", n.Callee)
	}
	arguments := make([]string, len(n.Arguments))
	for i, a := range n.Arguments {
		text, ok := a.(*ast.StringNode)
		if !ok {
			return operand{}, fault(a, "%s: an argument of %s must be written out in quotes, such as \"1h\"", a, callee.Value)
		}
		arguments[i] = text.Value
	}
	if callee.Value == "level" || callee.Value == "at" {
		at, err := placeOf(n, arguments, place)
		return operand{of: at, function: callee.Value, value: func(f *frame) (float64, bool) { return f.level(at) }}, err
	}
	return p.windowed(n, callee.Value, arguments, place)
}

func (p *parsed) windowed(n *ast.CallNode, name string, arguments []string, place func(source) int) (operand, error) {
	w, err := ParseDuration(arguments[0])
	if err != nil || w <= 0 || w > longestFor {
		return operand{}, fault(n, "%s(%q): the window must be a duration such as \"30m\", \"24h\" or \"3d\", at most %s", name, arguments[0], longestFor)
	}
	p.window = max(p.window, w)
	at, err := placeOf(n, arguments[1:], place)
	if err != nil {
		return operand{}, err
	}
	ms := w.Milliseconds()
	statistic := statistics[name]
	return operand{
		of: at, function: name, window: w,
		value: func(f *frame) (float64, bool) { return f.window(at, ms, statistic) },
	}, nil
}

// placeOf is the place of the sensor that a call names, 0 (the rule's own) where it names none.
func placeOf(n ast.Node, named []string, place func(source) int) (int, error) {
	if len(named) == 0 {
		return 0, nil
	}
	station, sensor, ok := strings.Cut(named[0], "/")
	if !ok || station == "" || sensor == "" {
		return 0, fault(n, "%q does not name a sensor; right would be \"station/sensor\"", named[0])
	}
	return place(source{station, sensor}), nil
}
